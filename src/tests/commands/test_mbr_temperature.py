"""The temperature that MBR finds: said in both languages, kept in files and records."""

import json

import pytest

from src.tests.commands.conftest import write_csv

MBR = ("generation.mbr_samples=4", "generation.mbr_metric=chrf", "model.dtype=fp32")
SUMMARIZE = ("summarize", "many.csv", "-e", "tiny.yaml", *MBR)
SAID = "MBR draws at temperature "
ROWS = 12


@pytest.fixture
def many(tiny):
    """The tiny model's folder with a table of more dialogues than are looked at."""
    dialogues = [f"A: Is it number {index}?\nB: {'No, no. ' * (index % 5)}Yes." for index in range(ROWS)]
    write_csv(tiny / "many.csv", dialogues, [f"It is number {index}." for index in range(ROWS)])
    return tiny


def test_a_file_goes_on_at_the_temperature_that_it_was_begun_with(yoyak, many):
    """In the file stands another one than would be found, so that its summaries tell which was taken."""
    wanted = yoyak(*SUMMARIZE, "generation.mbr_temperature=5.0", "--out", "wanted.jsonl")
    assert (wanted.code, SAID in wanted.err) == (0, False)
    begun = yoyak(*SUMMARIZE, "--out", "out.jsonl")
    assert (begun.code, begun.err.count(SAID)) == (0, 1)
    settings = many / "out.jsonl.settings.json"
    content = json.loads(settings.read_text())
    said = begun.err.partition(SAID)[2].partition(":")[0]
    assert content["generation.mbr_temperature"] == "auto"
    assert content.pop("found") == {"generation.mbr_temperature": float(said)}
    lines = (many / "out.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    aims = (many / "wanted.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    assert lines[5:] != aims[5:]
    settings.write_text(json.dumps(content | {"found": {"generation.mbr_temperature": 5.0}}))
    (many / "out.jsonl").write_text("".join(lines[:5]), encoding="utf-8")
    again = yoyak(*SUMMARIZE, "--out", "out.jsonl")
    assert (again.code, SAID in again.err) == (0, False)
    assert (many / "out.jsonl").read_text(encoding="utf-8") == "".join(lines[:5] + aims[5:])
    assert json.loads(settings.read_text())["found"] == {"generation.mbr_temperature": 5.0}


def test_it_is_said_without_a_file_and_in_korean_and_counts_no_dialogue_twice(yoyak, many):
    shown = yoyak(*SUMMARIZE, "tokenizer.encoder_max_len=130")
    assert (shown.code, shown.err.count(SAID)) == (0, 1)
    saved = yoyak(*SUMMARIZE, "tokenizer.encoder_max_len=130", "--out", "cut.csv")
    cut = [line for line in shown.err.splitlines() if "were too long" in line]
    assert len(cut) == 1
    assert cut[0] in saved.err
    korean = yoyak("summarize", "A: Hi.", "-e", "tiny.yaml", *MBR, "--lang", "ko")
    assert korean.err.count("MBR은 온도 ") == 1
    assert "draws" not in korean.err


def test_a_run_records_it_for_both_scores(yoyak, many):
    train = ("train", "-e", "tiny.yaml", *MBR, "evaluation.generate=true", "training.max_steps=1")
    assert yoyak(*train).code == 0
    folder = many / "outputs" / "tiny_qlora"
    scores = json.loads((folder / "run.json").read_text())["scores"]
    log = (folder / "train.log").read_text()
    said = [part.partition(":")[0] for part in log.split(SAID)[1:]]
    assert [float(one) for one in said] == [scores[stage]["mbr_temperature"] for stage in ("zero_shot", "fine_tuned")]
    assert yoyak(*train, "generation.mbr_temperature=0.7", "--overwrite").code == 0
    scores = json.loads((folder / "run.json").read_text())["scores"]
    assert [scores[stage]["mbr_temperature"] for stage in ("zero_shot", "fine_tuned")] == [0.7, 0.7]
