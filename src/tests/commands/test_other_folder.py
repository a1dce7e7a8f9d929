"""A run on a relative base and relative files is used from another folder, and never falls back to a hub's name."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def run(yoyak: Any, tiny: Path) -> Path:
    """Train on `models/base` from the folder `tiny`; return it."""
    (tiny / "models").mkdir()
    (tiny / "base").rename(tiny / "models" / "base")
    config = tiny / "tiny.yaml"
    config.write_text(config.read_text().replace(str(tiny / "base"), "models/base"))
    assert yoyak("train", "-e", "tiny.yaml").code == 0
    return tiny


def relative(run: Path) -> Path:
    """Make a run as one that an earlier version wrote, with relative places; return its adapter's folder."""
    final = run / "outputs" / "tiny_qlora" / "final_model"
    for path in (final / "yoyak.yaml", final / "adapter_config.json"):
        path.write_text(path.read_text().replace(f"{run}/", ""))
    assert yaml.safe_load((final / "yoyak.yaml").read_text())["model"]["checkpoint"] == "models/base"
    return final


def used(yoyak: Any, final: Path) -> None:
    """Use an adapter in each way from the current folder."""
    for command in (
        ("summarize", "A: Hi.", "--adapter", final),
        ("evaluate", "--adapter", final),
        ("export", "--adapter", final, "--to", "merged", "--out", "m"),
        ("export", "--adapter", final, "--to", "adapter", "--out", "a"),
        ("export", "--adapter", final, "--to", "gguf-lora", "--out", "g"),
        ("summarize", "A: Hi.", "--adapter", "a"),
        ("summarize", "A: Hi.", "-e", "m/yoyak.yaml"),
    ):
        result = yoyak(*command)
        assert result.code == 0, (command, result.err)


def test_all_files_name_the_base_and_the_data_in_full(yoyak: Any, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, final = f"{run}/models/base", run / "outputs" / "tiny_qlora" / "final_model"
    saved = yaml.safe_load((final / "yoyak.yaml").read_text())
    assert saved["model"]["checkpoint"] == base
    assert (saved["data"]["train"], saved["data"]["eval"]) == (f"{run}/train.csv", f"{run}/dev.csv")
    assert json.loads((final / "adapter_config.json").read_text())["base_model_name_or_path"] == base
    record = json.loads((final.parent / "run.json").read_text())["config"]
    assert (record["model"]["checkpoint"], record["data"]["eval"]) == (base, f"{run}/dev.csv")
    (run / "other").mkdir()
    monkeypatch.chdir(run / "other")
    used(yoyak, final)
    written = json.loads(Path("a/adapter_config.json").read_text())["base_model_name_or_path"]
    assert (written, yaml.safe_load(Path("a/yoyak.yaml").read_text())["model"]["checkpoint"]) == (base, base)


def test_a_run_of_an_earlier_version_is_found_from_another_folder(
    yoyak: Any, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = relative(run)
    (run / "other").mkdir()
    monkeypatch.chdir(run / "other")
    used(yoyak, final)


def test_a_base_that_is_not_found_is_refused(yoyak: Any, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    final = relative(run)
    shutil.move(run / "models", run / "elsewhere")
    for command in (
        ("summarize", "A: Hi.", "--adapter", final),
        ("evaluate", "--adapter", final),
        ("export", "--adapter", final, "--to", "merged", "--out", "m"),
        ("export", "--adapter", final, "--to", "adapter", "--out", "a"),
    ):
        result = yoyak(*command)
        line = (
            f"yoyak: {final}/yoyak.yaml: model.checkpoint = models/base was a folder, and is not found from here; "
            "name it with model.checkpoint=FOLDER"
        )
        assert (result.code, result.err.splitlines()[-1]) == (2, line), command
    named = yoyak("summarize", "A: Hi.", "--adapter", final, f"model.checkpoint={run}/elsewhere/base")
    assert named.code == 0, named.err


def test_a_run_goes_on_though_its_record_has_relative_places(yoyak: Any, run: Path) -> None:
    folder = run / "outputs" / "tiny_qlora"
    shutil.rmtree(folder / "final_model")
    for path in (folder / "run.json", *folder.glob("checkpoints/*/*.json")):
        path.write_text(path.read_text().replace(f"{run}/", ""))
    result = yoyak("train", "-e", "tiny.yaml", "--resume")
    assert result.code == 0, result.err
    assert (folder / "final_model").is_dir()
