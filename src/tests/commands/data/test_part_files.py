"""Folds and what a search sets aside are files of their own: the settings of the first file read them as it is read."""

import json

import pytest

from src.commands.search.set_aside import read_search_data, write_search_data
from src.commands.train.train_folds import _write_parts, plan_folds
from src.data.files.sources import load_dialogues
from src.tests.tiny_models import tiny_config

CHAT = (
    "--------------- 2026년 11월 1일 일요일 ---------------\n[민수] [오후 3:15] {0} 가요?\n[지은] [오후 3:16] 네 {0}요."
)
CAFES = [(f"Zoë {n}: Où est le café n° {n}?\nAnn: Là!", f"Café {n}.") for n in range(4)]
ROWS = [{"fname": f"r{n}", "dialogue": dialogue, "summary": summary} for n, (dialogue, summary) in enumerate(CAFES)]
PLACES = [" ".join(f"{place}{number}" for number in range(20)) for place in ("학교", "회사", "시장", "공원")]
CHATS = [{"dialogue": CHAT.format(places), "summary": f"{places}."} for places in PLACES]


def written(rows: list[dict[str, str]], records: str | None) -> str:
    if records is None:
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    outer, inner = records.split(".")
    return json.dumps({outer: {inner: rows}, "other": [1]}, ensure_ascii=False)


@pytest.fixture(
    params=[
        (ROWS, {"encoding": "cp1252"}),
        (ROWS, {"encoding": "utf-16"}),
        (ROWS, {"encoding": "utf-8"}),
        (ROWS, {"records": "corpus.document"}),
        (ROWS, {"records": "corpus.document", "encoding": "cp1252"}),
        (CHATS, {"dialogue_format": "kakaotalk"}),
        (CHATS, {"dialogue_format": "kakaotalk", "encoding": "cp949"}),
        (CHATS, {"dialogue_format": "turns"}),
        (CHATS, {}),
    ],
    ids=lambda case: " ".join(case[1].values()) or "auto",
)
def config(request, tmp_path):
    """A config whose data file has four rows, and these rows."""
    rows, settings = request.param
    codec, records = settings.get("encoding", "utf-8"), settings.get("records")
    source = tmp_path / ("all.jsonl" if records is None else "all.json")
    source.write_bytes(written(rows, records).encode(codec))
    named = {f"data__{name}": value for name, value in settings.items()}
    config = tiny_config("none", tmp_path / "runs", data__train=str(source), data__eval=str(source), **named)
    return config, {row.fname: row for row in load_dialogues(str(source), config.data).rows}


def test_folds_have_the_rows_of_their_file(config):
    settings, rows = config
    planned = plan_folds(settings, 2)
    _write_parts(planned, overwrite=False)
    for fold in planned:
        data = fold.config.data
        parts = [load_dialogues(source, data).rows for source in (data.train, data.eval)]
        assert [len(part) for part in parts] == [2, 2]
        assert {row.fname: row for part in parts for row in part} == rows
    _write_parts(planned, overwrite=False)  # what is there is of the same rows


def test_what_a_search_sets_aside_has_them_too(config, tmp_path):
    settings, rows = config
    settings.search.set_aside = 0.5
    data = read_search_data(settings, tmp_path / "search", pytest.fail)
    write_search_data(settings, data)
    parts = [load_dialogues(source, settings.data).rows for source in (data.dev_file, data.test_source)]
    assert parts == [data.dev, data.test]
    assert {row.fname: row for part in parts for row in part} == rows
