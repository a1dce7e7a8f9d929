"""Local places: written in full, and found again where earlier versions wrote them relative."""

from pathlib import Path

import pytest

from src.config.located import found_again, located, looks_local
from src.tests.tiny_models import tiny_config


@pytest.mark.parametrize("name", ["./base", "../base", "/base", "~/base", "a/b/c"])
def test_what_no_hub_name_looks_like(name: str) -> None:
    assert looks_local(name)


@pytest.mark.parametrize("name", ["base", "Qwen/Qwen3-4B"])
def test_what_a_hub_name_looks_like(name: str) -> None:
    assert not looks_local(name)


def test_what_lies_here_is_named_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "base").mkdir(parents=True)
    (tmp_path / "old").mkdir()
    (tmp_path / "train.csv").touch()
    places = {"data__train": "./train.csv", "data__eval": "sample:en/dev.csv", "lora__adapter": "models/../old"}
    config = tiny_config("models/base", "outputs", **places)
    full = located(config)
    assert full.model.checkpoint == f"{tmp_path}/models/base"
    assert (full.data.train, full.data.eval) == (f"{tmp_path}/train.csv", "sample:en/dev.csv")
    assert full.lora.adapter == f"{tmp_path}/old"
    assert full.experiment.output_dir == "outputs"
    assert config.model.checkpoint == "models/base"  # the copy alone is changed
    assert located(tiny_config("Qwen/Qwen3-4B")).model.checkpoint == "Qwen/Qwen3-4B"


def test_the_nearest_folder_above_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    final = tmp_path / "project" / "outputs" / "run" / "final_model"
    for folder in (final, tmp_path / "project" / "models" / "base", tmp_path / "models" / "base"):
        folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)  # whose models/base is another model
    config = tiny_config("models/base", data__train="sample:en/train.csv", data__eval="nowhere.csv")
    again = found_again(config, final, ())
    assert again.model.checkpoint == f"{tmp_path}/project/models/base"
    assert (again.data.train, again.data.eval) == ("sample:en/train.csv", "nowhere.csv")
    assert found_again(config, final, ["model.checkpoint"]).model.checkpoint == "models/base"
    assert found_again(config, Path("project/outputs/run/final_model"), ()).model.checkpoint == again.model.checkpoint
