"""`yoyak search` on a tiny model: trials until a deadline, and the best of them."""

import json
import shutil

import pytest
import yaml

from src.config.loader import load_config
from src.tests.commands.conftest import write_csv
from src.tests.tiny_models import DIALOGUES, SUMMARIES

SPACE = (
    "search.space={lora.dropout: null, training.weight_decay: null, training.warmup_ratio: null, "
    "training.epochs: [2, 4], lora.r: [2, 4], training.learning_rate: {low: 1e-3, high: 1e-1, log: true}}"
)
SEARCH = (
    "search",
    "-e",
    "tiny.yaml",
    "--deadline",
    "9d",  # from the start of the process, which may have run other tests for hours
    "search.trials=3",
    "search.pauses=[0.5]",
    "search.objective=chrf",
    "search.additions=[]",
    SPACE,
)


@pytest.fixture
def learning(tiny):
    """The tiny config with summaries that are long enough to be scored, and dialogues of their own for the end."""
    write_csv(tiny / "dev.csv", DIALOGUES, SUMMARIES)
    write_csv(tiny / "test.csv", [f"{dialogue}\nA: Bye." for dialogue in DIALOGUES[:2]], SUMMARIES[:2])
    config = yaml.safe_load((tiny / "tiny.yaml").read_text())
    config["data"]["test"] = "test.csv"
    config["tokenizer"]["decoder_max_len"] = 16
    config["lora"] |= {"use_qlora": False}
    (tiny / "tiny.yaml").write_text(yaml.safe_dump(config))
    return tiny


def record_of(folder):
    return json.loads((folder / "search.json").read_text())


def test_a_search_ends_with_a_usable_run(yoyak, learning):
    result = yoyak(*SEARCH)
    assert (result.code, result.err) == (0, "")
    folder = learning / "outputs" / "tiny_lora_search"
    record = record_of(folder)
    assert [trial["number"] for trial in record["trials"]] == [0, 1, 2]
    assert {trial["state"] for trial in record["trials"]} == {"finished"}  # there was time for all
    best = max(record["trials"], key=lambda trial: trial["score"])
    assert best["number"] == record["best"]
    assert record["chosen"] == record["equal"][0]
    # The winner: a run, the link to it, and its config.
    chosen = record["trials"][record["chosen"]]
    assert (folder / "best").resolve().name == f"trial_{chosen['number']:04d}"
    used = yoyak("summarize", "A: hi", "--adapter", folder / "best" / "final_model")
    assert used.code == 0
    config = load_config(folder / "best.yaml")
    assert config.lora.r == chosen["settings"]["lora.r"]
    assert config.training.learning_rate == chosen["settings"]["training.learning_rate"]
    assert config.experiment.name == "tiny_lora_found"
    assert record["test"]["dialogues"] == 2
    # Losers keep their record, not their weights.
    kept = {record["chosen"], record["best"], 0}
    for trial in record["trials"]:
        run = folder / f"trial_{trial['number']:04d}"
        assert (run / "final_model").is_dir() == (trial["number"] in kept)
        assert not (run / "checkpoints").exists()
        figures = json.loads((run / "run.json").read_text())["scores"]["fine_tuned"]
        ended = [json.loads(line)["ended"] for line in (run / "predictions.jsonl").read_text().splitlines()]
        assert (figures["n"], figures["unended"]) == (4, ended.count(False))
    # The same command has nothing more to try.
    again = yoyak(*SEARCH, "--json")
    assert json.loads(again.out)["trials"] == record["trials"]


def test_a_part_of_dev_is_set_aside_where_there_is_no_test(yoyak, learning):
    write_csv(learning / "dev.csv", DIALOGUES, SUMMARIES)
    assert yoyak(*SEARCH, "data.test=null", "search.trials=1").code == 0
    folder = learning / "outputs" / "tiny_lora_search"
    rows = {part: (folder / "data" / f"{part}.jsonl").read_text().splitlines() for part in ("dev", "test")}
    assert {part: len(lines) for part, lines in rows.items()} == {"dev": 2, "test": 2}
    dialogues = {json.loads(line)["dialogue"] for lines in rows.values() for line in lines}
    assert dialogues == set(DIALOGUES)
    assert json.loads((folder / "trial_0000" / "run.json").read_text())["data"]["eval"]["rows"] == 2


@pytest.mark.long
def test_another_search_is_not_gone_on_with(yoyak, learning):
    assert yoyak(*SEARCH, "search.trials=1").code == 0
    other = yoyak(*SEARCH, "training.batch_size=1", "search.trials=2")
    assert other.code == 2
    assert other.err.startswith("yoyak: sqlite:///")
    assert "holds another search: training.batch_size is 1, was 2; set it back" in other.err
    longer = yoyak(*SEARCH, "search.trials=2")
    assert longer.code == 0
    assert len(record_of(learning / "outputs" / "tiny_lora_search")["trials"]) == 2
    for refused in (("--deadline", "1s"), ("--storage", "nowhere")):  # what is there stays
        assert yoyak(*SEARCH, *refused, "--overwrite").code == 2
        assert len(record_of(learning / "outputs" / "tiny_lora_search")["trials"]) == 2
    write_csv(learning / "train.csv", DIALOGUES[:3], SUMMARIES[:3])
    changed = yoyak(*SEARCH, "search.trials=2")
    assert changed.code == 2
    assert "holds another search: training dialogues is " in changed.err
    anew = yoyak(*SEARCH, "training.batch_size=1", "search.trials=1", "--overwrite")
    assert anew.code == 0
    assert len(record_of(learning / "outputs" / "tiny_lora_search")["trials"]) == 1


@pytest.mark.long
def test_a_trial_whose_folder_was_removed_is_left_out(yoyak, learning):
    assert yoyak(*SEARCH, "search.trials=2").code == 0
    folder = learning / "outputs" / "tiny_lora_search"
    loser = 1 - record_of(folder)["chosen"]
    shutil.rmtree(folder / f"trial_{loser:04d}")
    result = yoyak(*SEARCH, "search.trials=3")
    assert (result.code, result.err) == (0, "")
    record = record_of(folder)
    assert [trial["state"] for trial in record["trials"]] == ["finished"] * 3
    assert ["low" in trial for trial in record["trials"]] == [number != loser for number in range(3)]
    assert loser not in {record["chosen"], record["best"], *record["equal"]}
    assert f"{record['trials'][loser]['score']:.2f}" in (folder / "search.html").read_text()
