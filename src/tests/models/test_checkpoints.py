"""Where checkpoints come from, and what is said when they can't be had."""

from pathlib import Path

import pytest

from src.errors import YoyakError
from src.models.checkpoints import unreachable
from src.models.resolve import resolve_checkpoint
from src.tests.tiny_models import load_tiny, tiny_config


def error_of(checkpoint: str) -> str:
    with pytest.raises(YoyakError) as caught:
        resolve_checkpoint(checkpoint)
    return str(caught.value)


def test_a_folder_is_itself_and_a_hub_name_too(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert resolve_checkpoint(str(tmp_path)) == str(tmp_path)
    assert resolve_checkpoint("Qwen/Qwen3-4B-Instruct-2507") == "Qwen/Qwen3-4B-Instruct-2507"


@pytest.mark.parametrize("checkpoint", ["./nowhere", "/nowhere/at/all", "~/nowhere-at-all", "a/b/c", "../x"])
def test_a_path_that_does_not_exist(checkpoint: str) -> None:
    assert error_of(checkpoint) == f"model.checkpoint = {checkpoint}: no such model folder"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").touch()
    assert error_of(f"{tmp_path}/model.gguf").endswith("no such model folder")


def test_a_folder_without_a_config(tmp_path: Path) -> None:
    assert error_of(str(tmp_path)) == (
        f"model.checkpoint = {tmp_path}: the folder has no config.json, so it is no model"
    )


def test_an_unknown_bundled_model() -> None:
    assert error_of("bundled:smollm2-135") == (
        "no bundled model 'smollm2-135'; did you mean 'smollm2-135m'?; there are: smollm2-135m, gemma3-270m"
    )


def test_the_first_line_of_an_error_is_said_for_a_folder(tmp_path: Path) -> None:
    error = unreachable(str(tmp_path), ValueError("Broken file\nand much more"))
    assert str(error) == f"model.checkpoint = {tmp_path}: can't be loaded: Broken file"
    assert str(unreachable(str(tmp_path), KeyError())) == f"model.checkpoint = {tmp_path}: can't be loaded: KeyError"


def test_a_hub_name_without_a_network_is_one_line_of_ours() -> None:
    """The hub is switched off for all tests before its package is imported (`conftest.py`)."""
    with pytest.raises(YoyakError) as caught:
        load_tiny(tiny_config("some/model"))
    assert str(caught.value) == (
        "model.checkpoint = some/model: not a local folder, not in the cache, and the hub is switched off "
        "(HF_HUB_OFFLINE) or has no such model; connect to a network, or use model.checkpoint=FOLDER or "
        "model.checkpoint=bundled:smollm2-135m"
    )
