import json
from pathlib import Path

import pytest

from src.runs.outcomes import RunScores, StageScores
from src.runs.read import read_run
from src.runs.record import RunFile, device_description, package_versions, read_record
from src.runs.schema import ResolvedChoices, Resumption, RunRecord, SplitData
from src.tests.runs.schema_keys import unknown_keys

OLDER = Path(__file__).with_name("run_of_1ade717.json").read_text(encoding="utf-8")


def written(folder: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return content


def test_updates_merge_and_the_file_is_whole(tmp_path: Path) -> None:
    file = RunFile(tmp_path / "run")
    file.update(RunRecord(status="running", scores=RunScores(zero_shot=StageScores(rouge1=1.5))))
    file.update(RunRecord(status="completed", scores=RunScores(fine_tuned=StageScores(rouge1=2.5)), name="요약"))
    file.update(RunRecord(data={"train": SplitData(sha256=None, dropped={"no summary": 1})}))
    file.update(RunRecord(data={"train": SplitData(examples=3), "eval": SplitData(rows=1)}))
    assert written(tmp_path / "run") == {
        "name": "요약",
        "status": "completed",
        "scores": {"zero_shot": {"rouge1": 1.5}, "fine_tuned": {"rouge1": 2.5}},
        "data": {"train": {"sha256": None, "dropped": {"no summary": 1}, "examples": 3}, "eval": {"rows": 1}},
    }
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["run.json"]


def test_what_is_null_now_is_written_and_left_out_where_it_can_not_be(tmp_path: Path) -> None:
    file = RunFile(tmp_path)
    file.update(RunRecord(commit=None, resolved=ResolvedChoices(engine="packed", micro_batch_tokens=1024)))
    file.update(RunRecord(resolved=ResolvedChoices(engine="trainer", micro_batch_tokens=None)))
    assert written(tmp_path) == {"commit": None, "resolved": {"engine": "trainer", "micro_batch_tokens": None}}
    assert RunRecord.model_validate({"config": None, "device": {"name": None}}).as_dict() == {"device": {"name": None}}


def test_secrets_do_not_get_into_the_file(tmp_path: Path) -> None:
    RunFile(tmp_path).update(RunRecord(config={"hub": ["hf_" + "a" * 30]}))
    assert written(tmp_path) == {"config": {"hub": ["[secret]"]}}


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    file = RunFile(tmp_path)
    file.update(RunRecord(status="running"))
    with pytest.raises(TypeError):
        file.update(RunRecord(config={"bad": object()}))
    assert read_record(tmp_path) == RunRecord(status="running")
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("text", ["{broken", "[1]", "[" * 100_000, "\udc80"])
def test_what_is_no_record_is_none(tmp_path: Path, text: str) -> None:
    assert read_record(tmp_path) is None
    (tmp_path / "run.json").write_text(text, errors="surrogateescape")
    assert read_record(tmp_path) is None


def test_of_a_record_that_was_changed_by_hand_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"seed": "many", "train": {"loss": "low", "steps": 2}, "name": "a"}')
    assert read_record(tmp_path) == RunRecord(name="a")


def test_a_run_of_an_older_version_is_read_whole_and_goes_on(tmp_path: Path) -> None:
    """All that version 1ade717 wrote is known to the schema, and is written again as it was."""
    (tmp_path / "run.json").write_text(OLDER, encoding="utf-8")
    record = read_run(tmp_path).record
    assert (record.status, record.train.steps, record.resolved.engine) == ("completed", 3, "packed")
    assert record.resumed == [Resumption(at="2026-11-29T01:16:04+00:00", step=2)]
    assert unknown_keys(record) == []
    RunFile(tmp_path, record).update(RunRecord(status="running"))
    assert written(tmp_path) == json.loads(OLDER) | {"status": "running"}


def test_keys_of_a_newer_version_are_kept(tmp_path: Path) -> None:
    newer = {"studio": {"open": True}, "train": {"loss": 1.5, "joules": 7}, "data": {"train": {"licence": None}}}
    newer |= {"coverage": {"4_bit": 0.5}}
    (tmp_path / "run.json").write_text(json.dumps(newer))
    record = read_record(tmp_path)
    assert unknown_keys(record) == ["studio", "data.train.licence", "train.joules"]
    RunFile(tmp_path, record).update(RunRecord(name="a"))
    assert written(tmp_path) == newer | {"name": "a"}


def test_versions_and_device_are_named() -> None:
    assert {"python", "torch", "transformers", "peft", "bitsandbytes"} <= package_versions().keys()
    device = device_description()
    assert device.type in ("cpu", "cuda")
    assert device.memory_bytes is not None
    assert device.memory_bytes > 1e9
