"""`yoyak evaluate` on files; `test_evaluate_model.py` has it with a model."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from src.tests.commands.conftest import write_csv

ROOT = Path(__file__).resolve().parents[3]
CASES = ROOT / "src/tests/data/files/cases"
FILES = ("--predictions", "p.csv", "--references", "r.csv")
DIALOGUES = ["#Person1#: Two books, please.", "Anna: I'll call the clinic at 3."]
REFERENCES = ["#Person1# buys three books.", "Anna calls the clinic."]
PREDICTED = ["#Person1# buys two books.", "Anna calls the clinic."]


@pytest.fixture
def files(folder):
    write_csv(folder / "r.csv", DIALOGUES, REFERENCES)
    write_csv(folder / "p.csv", ["", ""], PREDICTED)
    return folder


def test_json_of_files(yoyak, files):
    result = yoyak("evaluate", *FILES, "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    # 3 of 4 words and 1 of 3 pairs in the first, everything in the second
    assert found["scores"]["rouge1"] == {"value": pytest.approx(87.5), "low": pytest.approx(75), "high": 100}
    assert found["scores"]["rouge2"]["value"] == pytest.approx((100 / 3 + 100) / 2)
    assert found["floor"]["rouge1"]["value"] == 0
    assert (found["n"], found["tokenization"], found["baseline"]) == (2, "word", None)
    assert found["checks"]["facts"]["unsupported"] == []
    assert found["checks"]["references"]["facts"]["unsupported"] == [{"fname": "d0", "kind": "number", "text": "three"}]


def test_tables_and_sentences(yoyak, files):
    write_csv(files / "b.csv", ["", ""], ["Something.", "Zoe calls on Monday."])
    result = yoyak("evaluate", *FILES, "--baseline", "b.csv")
    assert (result.code, result.err) == (0, "")
    for said in (
        "Scores x100 (word; 2 dialogues)",
        "ROUGE sum",
        "87.50",
        "no difference that these 2 dialogues can show",
        "names that the dialogue does not hold",
    ):
        assert said in result.out
    facts = yoyak("evaluate", "--predictions", "b.csv", "--references", "r.csv").out
    assert "Not in the dialogue:\n  d1: Monday, Zoe\n" in facts
    assert "names that" not in yoyak("evaluate", *FILES, "--no-facts").out


def test_json_lists_all_facts_and_the_terminal_ten(yoyak, folder):
    write_csv(folder / "r.csv", ["A: Hi."] * 12, ["Somebody says hi."] * 12)
    write_csv(folder / "p.csv", [""] * 12, [f"Later Tom waves {number} times." for number in range(3, 15)])
    assert "and in 2 more dialogues; --json lists all" in yoyak("evaluate", *FILES).out
    assert len(json.loads(yoyak("evaluate", *FILES, "--json").out)["checks"]["facts"]["unsupported"]) == 24


def test_chance_is_said_in_words(yoyak, files):
    write_csv(files / "p.csv", ["", ""], PREDICTED[::-1])
    out = yoyak("evaluate", *FILES).out
    assert "(within chance)" in out
    assert "ROUGE-1, ROUGE-2, ROUGE-L, ROUGE sum, chrF: within what chance alone gives." in out


def test_ascii_on_hangul_warns_on_standard_error(yoyak, files):
    write_csv(files / "p.csv", ["", ""], ["#Person1#이 책을 산다.", "전화한다."])
    result = yoyak("evaluate", *FILES, "--tokenization", "ascii", "--json", "--no-facts")
    assert result.err.startswith("Warning: The tokenization ascii drops all Hangul")
    assert "drops all Hangul" in json.loads(result.out)["notes"][0]


def test_files_without_ids_are_joined_by_row_where_asked_and_it_is_said(yoyak, folder):
    (folder / "r.csv").write_text("summary\none\ntwo\n")
    (folder / "p.csv").write_text("summary\none\ntwo\n")
    assert "say --by-row" in yoyak("evaluate", *FILES).err
    result = yoyak("evaluate", *FILES, "--by-row", "--json")
    assert result.err == "No ids in common: joined row by row.\n"
    assert json.loads(result.out)["scores"]["rouge1"]["value"] == 100


def scored(result):
    """ROUGE-1 of a result, 100 for equal texts."""
    assert result.code == 0, result.err
    return json.loads(result.out)["scores"]["rouge1"]["value"]


def test_ids_under_other_names_join_whatever_the_order(yoyak, folder):
    for name in ("pred_id.jsonl", "ref_id.json"):
        shutil.copy(CASES / name, folder)
    result = yoyak("evaluate", "--predictions", "pred_id.jsonl", "--references", "ref_id.json", "--json", "--no-facts")
    assert (scored(result), result.err) == (100, "")
    (folder / "p.csv").write_text("key,summary\nr-3,c\nr-1,a\n")
    (folder / "r.csv").write_text("key,summary\nr-1,a\nr-3,c\n")
    assert yoyak("evaluate", *FILES).code == 2
    assert scored(yoyak("evaluate", *FILES, "data.id_column=key", "--json")) == 100


def test_the_file_of_another_trainer_is_scored_by_itself(yoyak, folder):
    rows = [{"prompt": "A: a", "predict": "one two", "label": "one two"}, {"prompt": "B", "predict": "x", "label": "x"}]
    (folder / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = yoyak("evaluate", "--predictions", "p.jsonl", "--json")
    assert scored(result) == 100
    assert result.err == "p.jsonl: the summaries are 'predict'.\np.jsonl: the references are 'label'.\n"
    columns = ("--column", "predict", "--reference-column", "prompt")
    assert scored(yoyak("evaluate", "--predictions", "p.jsonl", *columns, "--json")) == 0


def test_files_in_another_encoding_are_named(yoyak, folder):
    (folder / "p.csv").write_bytes("id,summary\na,can’t\n".encode("cp1252"))
    (folder / "r.csv").write_bytes("id,summary\na,can’t\n".encode("cp1252"))
    assert "p.csv:2: not UTF-8, and no Korean in CP949" in yoyak("evaluate", *FILES).err
    assert scored(yoyak("evaluate", *FILES, "data.encoding=cp1252", "--json")) == 100


def test_best_of_several_references(yoyak, folder):
    (folder / "r.csv").write_text("fname,summary1,summary2\na,one two,three\nb,four,\n")
    (folder / "p.csv").write_text("fname,summary\na,three\nb,four\n")
    values = [
        json.loads(yoyak("evaluate", *FILES, "--multi", multi, "--json").out)["scores"]["rouge1"]["value"]
        for multi in ("mean", "best")
    ]
    assert values == [75, 100]


def test_loads_no_model_library(files):
    code = (
        "import sys; from src.cli import main\n"
        "try: main(['evaluate', '--predictions', 'p.csv', '--references', 'r.csv', '--json'])\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        "heavy = ('torch', 'transformers', 'pandas', 'kiwipiepy', 'nltk', 'pyarrow')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=files, capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.splitlines()[-1] == "[]"


BAD_INPUT = [
    (["--predictions", "p.csv"], "name both files: --predictions FILE --references FILE"),
    ([*FILES, "--tokenization", "wrod"], "--tokenization 'wrod' is unknown; choose word, morpheme, content, mecab, "),
    ([*FILES, "--multi", "max"], "--multi 'max' is unknown; choose mean, best"),
    ([*FILES, "--column", "text"], "p.csv: no column 'text'; its columns are fname, dialogue, summary"),
    ([*FILES, "--baseline", "nowhere.csv"], "nowhere.csv: no such file"),
    ([*FILES, "--dialogues", "p.txt"], "p.txt: no such file"),
    ([*FILES, "--adapter", "model"], "score files: leave out --experiment, --adapter, KEY=VALUE"),
    ([*FILES, "--reference-column", "text"], "r.csv: no column 'text'; its columns are"),
    (
        ["--predictions", "r.csv", "--references", "r.csv"],
        "r.csv: 'summary' would be scored against itself; name other",
    ),
    ([*FILES, "evaluation.stemmer=true"], "score files: leave out"),
    ([*FILES, "data.max_eval_examples=1"], "data.max_eval_examples has no part in yoyak evaluate --predictions; leave"),
    ([*FILES, "--out", "scored.jsonl", "--split", "dev"], "score files: leave out --split, --out\n"),
    ([*FILES, "--num-beams", "4", "--seed", "1", "--overwrite"], "leave out --overwrite, --num-beams, --seed\n"),
    ([*FILES, "--baseline-column", "a"], "without --baseline there is nothing to compare with: leave out --baseline-c"),
    (["-e", "tiny.yaml", "--multi", "best"], "without --predictions a model is scored: leave out --multi\n"),
    (["--adapter", "model", "--by-row", "--column", "a"], "a model is scored: leave out --column, --by-row\n"),
    (["--predictions", "p.csv", "--references", "model"], "model: a model's folder, not a file of summaries"),
    (["--predictions", "empty.csv", "--references", "r.csv"], "empty.csv: the file is empty"),
    (["--predictions", "one.jsonl", "--references", "r.csv"], "r.csv: 1 ids without a prediction, such as d1"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD_INPUT, ids=[said for _, said in BAD_INPUT])
def test_bad_input_is_one_line_and_exit_2(yoyak, files, arguments, said):
    (files / "model").mkdir()
    (files / "model" / "adapter_config.json").write_text("{}")
    (files / "empty.csv").write_text("")
    (files / "one.jsonl").write_text('{"fname": "d0", "summary": "a"}\n')
    result = yoyak("evaluate", *arguments)
    assert result.code == 2
    assert said in result.err
    assert result.err.startswith("yoyak: ")
    assert result.err.count("\n") == 1
    assert result.out == ""
