"""Files of summaries that a model's evaluation goes on from."""

import json
import re
from pathlib import Path


def test_what_a_spreadsheet_saves_as_true_is_true(yoyak, trained_once):
    trained_once("training.max_steps=1")
    how = ("evaluate", "--adapter", "outputs/tiny_qlora/final_model", "--out", "s.csv", "--json")
    assert yoyak(*how).code == 0
    text = Path("s.csv").read_text(encoding="utf-8")
    Path("s.csv").write_text(re.sub("(True|False),(True|False)\n", "TRUE,FALSE\n", text), encoding="utf-8")
    assert json.loads(yoyak(*how).out)["checks"]["unended"] == {"count": 0, "fnames": []}
