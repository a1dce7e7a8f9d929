"""Files with predictions that are wrong."""

from src.tests.bad_inputs.case import HEAD, Case, Content

SUMMARIES = HEAD.replace("dialogue", "fname") + "a,They greet.\nb,They go.\n"


def scoring(name: str, suffix: str, content: Content, line: str) -> Case:
    """Return the case of a file with predictions."""
    command = f"evaluate --predictions p.{suffix} --references r.csv"
    return Case(f"predictions: {name}", command, line, files={f"p.{suffix}": content, "r.csv": SUMMARIES})


PREDICTIONS = [
    scoring("empty", "csv", "", "p.csv: the file is empty"),
    scoring("zero bytes", "csv", b"\0" * 100, "p.csv:1: NUL characters in the header; save the file as UTF-8 text"),
    scoring(
        "a row missing",
        "csv",
        "fname,summary\na,x\n",
        "r.csv: 1 ids without a prediction, such as b; both files need ...",
    ),
    scoring(
        "an id twice",
        "csv",
        "fname,summary\na,x\na,y\n",
        "p.csv:3: fname a is that of line 2 too; give each row its own",
    ),
    scoring("no id", "csv", "fname,summary\n,x\n", "p.csv:2: no fname; give each row its own"),
    scoring("other ids", "csv", "fname,summary\nc,x\nd,y\n", "p.csv: no fname in common with r.csv, such as c and a"),
    scoring(
        "all empty", "csv", "fname,summary\na,\nb,\n", "p.csv: every 'summary' is empty; there is nothing to score"
    ),
    scoring(
        "no summaries", "csv", "fname,sumary\na,x\nb,y\n", "p.csv: no column 'summary'; did you mean 'sumary'?; its ..."
    ),
    scoring(
        "numbers",
        "jsonl",
        '{"fname": "a", "summary": 5}\n{"fname": "b", "summary": "x"}',
        "p.jsonl:1: 'summary' is a number, not text",
    ),
    scoring(
        "mixed ids",
        "jsonl",
        '{"fname": "a", "summary": "x"}\n{"fname": 2, "summary": "x"}',
        "p.jsonl:2: mixed ids: fname is a number here and text in line 1; write all of them as text",
    ),
    scoring(
        "an id that is a list", "jsonl", '{"fname": [], "summary": "x"}', "p.jsonl:1: fname is a list; write it as text"
    ),
    scoring(
        "a cut line",
        "jsonl",
        '{"fname": "a"',
        "p.jsonl:1: broken JSON: Expecting ',' delimiter, column 14; mend the row",
    ),
    scoring("no Parquet", "parquet", "fname", "p.parquet: not a Parquet file (..."),
    Case(
        "predictions: a folder",
        "evaluate --predictions . --references r.csv",
        ".: a folder; name a file in it, such as r.csv",
        files={"r.csv": SUMMARIES},
    ),
    Case(
        "predictions: no such file",
        "evaluate --predictions q.csv --references r.csv",
        "q.csv: no such file; did you mean 'r.csv'?",
        files={"r.csv": SUMMARIES},
    ),
]
