import json

import pytest

from src.runs.record import RunFile, device_description, package_versions, read_run_file


def test_updates_merge_and_the_file_is_whole(tmp_path):
    file = RunFile(tmp_path / "run")
    file.update(status="running", scores={"zero_shot": {"rouge1": 1.5}})
    file.update(status="completed", scores={"fine_tuned": {"rouge1": 2.5}}, name="요약")
    content = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert content == {
        "status": "completed",
        "scores": {"zero_shot": {"rouge1": 1.5}, "fine_tuned": {"rouge1": 2.5}},
        "name": "요약",
    }
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["run.json"]


def test_a_failed_write_keeps_the_old_file(tmp_path):
    file = RunFile(tmp_path)
    file.update(status="running")
    with pytest.raises(TypeError):
        file.update(bad=object())
    assert read_run_file(tmp_path) == {"status": "running"}
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_reading_what_is_no_record(tmp_path):
    assert read_run_file(tmp_path) is None
    (tmp_path / "run.json").write_text("{broken")
    assert read_run_file(tmp_path) is None
    (tmp_path / "run.json").write_text("[1]")
    assert read_run_file(tmp_path) is None


def test_versions_and_device_are_named():
    assert {"python", "torch", "transformers", "peft", "bitsandbytes"} <= package_versions().keys()
    device = device_description()
    assert device["type"] in ("cpu", "cuda")
    assert device["memory_bytes"] > 1e9
