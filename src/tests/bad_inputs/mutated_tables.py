"""Hypothesis strategies of data files that are nearly right, of each format."""

import io
import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from src.tests.bad_inputs.mutations import Strategy, as_json, json_values, mutated, names

ROWS = [
    {"fname": "a", "dialogue": "A: hi\nB: yo", "summary": "They greet.", "topic": "x"},
    {"fname": "b", "dialogue": '가: 안녕\n나: 응, "그래"', "summary": "인사한다.", "topic": None},
]
CONVERSATIONS = [
    {"messages": [{"role": "user", "content": "A: a"}, {"role": "assistant", "content": "b"}]},
    {"conversations": [{"from": "human", "value": "A: a"}, {"from": "gpt", "value": "b"}]},
]
TURNS = [{"speaker": "A", "utterance": "hi"}, {"participantID": 2, "text": [{"type": "text", "text": "yo"}]}]
CORPUS = [
    {"id": "x", "input": {"conversation": TURNS}, "output": "They greet."},
    {"header": {"topic": "x"}, "body": {"dialogue": TURNS, "summary": "They greet."}},
    {"dialogue": ["A: hi", "B: yo"], "summary": [{"type": "text", "text": "They greet."}]},
    {"dialogue": {"speaker": ["A", "B"], "utterance": ["hi", "yo"]}, "summary": "They greet."},
    {"dialogue": json.dumps(TURNS), "summary": "They greet."},
]


def csv_files(delimiter: str) -> Strategy:
    """Return files of CSV or TSV, mutated."""
    mark = delimiter
    head = mark.join(("fname", "dialogue", "summary", "topic"))
    rows = [mark.join(("a", '"A: hi\nB: ""yo"""', "They greet.", "x")), mark.join(("b", "가: 안녕", "인사한다.", ""))]
    cell = json.dumps(TURNS).replace('"', '""')
    rows.append(mark.join(("c", f'"{cell}"', "They greet.", "")))
    text = "\n".join([head, *rows, ""])
    stray = text.replace("가: 안녕", f'"Wait{mark}x\nstop"')
    return mutated(
        [
            stray.encode(),
            text.replace("yo", "can’t").encode("cp1252", "replace"),
            text.encode(),
            text.encode("utf-8-sig"),
            text.encode("cp949"),
            text.replace("\n", "\r\n").encode(),
        ]
    )


def json_files() -> Strategy:
    """Return lists of rows, objects with one list and conversations, mutated, and other JSON."""
    seeds: list[Any] = [
        ROWS,
        {"version": {"a": 1}, "data": ROWS},
        CONVERSATIONS,
        *CONVERSATIONS,
        {"conversations": ROWS},
        CORPUS,
        *CORPUS,
        {"tags": ["a"], "corpus": {"document": CORPUS}},
    ]
    rows = st.lists(st.dictionaries(names, json_values, max_size=4), max_size=4)
    wrapped = st.dictionaries(names, rows | json_values, max_size=3)
    return mutated([json.dumps(seed, indent=1, ensure_ascii=False).encode() for seed in seeds]) | st.builds(
        as_json, rows | wrapped | json_values
    )


def json_lines_files() -> Strategy:
    """Return lines of rows and conversations, mutated, and lines of other JSON."""
    seed = b"\n".join(as_json(row) for row in [*ROWS, *CONVERSATIONS, *CORPUS]) + b"\n"
    rows = st.dictionaries(names, json_values, max_size=4) | json_values
    return mutated([seed]) | st.builds(b"\n".join, st.lists(st.builds(as_json, rows), max_size=4))


def parquet_files() -> Strategy:
    """Return Parquet files of several types, encodings and compressions, mutated."""
    odd = {
        "dialogue": pa.array(["A: a", "B: b"]).dictionary_encode(),
        "summary": pa.array([b"a", b"\xff"], pa.binary()),
        "when": pa.array([datetime(2026, 1, 1), None], pa.timestamp("ns")),
        "day": pa.array([date(1, 1, 1), None], pa.date32()),
        "price": pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
        "list": pa.array([[1, 2], None], pa.list_(pa.int64())),
        "nested": pa.array([{"a": [{"b": "c"}]}, None]),
        "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int32())),
        "half": pa.array([1.5, None], pa.float32()),
        "elapsed": pa.array([1, None], pa.duration("us")),
    }
    corpus = pa.Table.from_pylist([CORPUS[0] | {"input": {"conversation": TURNS[:1]}}])
    messages = pa.table({"messages": [row.get("messages", []) for row in CONVERSATIONS]})
    many = pa.table({"dialogue": [f"A: {n}" for n in range(200)], "summary": ["s"] * 200})
    writers: list[tuple[pa.Table, dict[str, Any]]] = [
        (pa.table(odd), {}),
        (pa.Table.from_pylist(ROWS), {"compression": "none", "use_dictionary": False, "write_statistics": False}),
        (pa.Table.from_pylist(ROWS), {"compression": "gzip", "data_page_version": "2.0"}),
        (messages, {"compression": "zstd", "store_schema": False}),
        (corpus, {"compression": "none"}),
        (many, {"row_group_size": 50, "column_encoding": "DELTA_BYTE_ARRAY", "use_dictionary": False}),
    ]  # fmt: skip
    return mutated([_parquet(table, options) for table, options in writers])


def parquet_dictionaries() -> Strategy:
    """Return Parquet files whose columns are dictionaries, plain and inside of others, mutated."""
    texts = pa.array(["A: hi\nB: yo", "가: 안녕", None, "A: hi\nB: yo"]).dictionary_encode()
    columns = {
        "dialogue": texts,
        "summary": pa.array(["s", "t", "u", "s"]).dictionary_encode(),
        "fname": pa.array([1, 2, 3, 1]).dictionary_encode(),
        "list": pa.ListArray.from_arrays(pa.array(range(5), pa.int32()), texts),
        "nested": pa.StructArray.from_arrays([texts], ["a"]),
        "bytes": pa.array([b"\xff", None, b"", b"\xff"]).dictionary_encode(),
        "large": pa.array(["a", "b", None, "a"], pa.large_string()).dictionary_encode(),
    }
    writers: list[dict[str, Any]] = [
        {},
        {"compression": "none", "write_statistics": False},
        {"compression": "zstd", "dictionary_pagesize_limit": 8, "data_page_version": "2.0"},
        {"compression": "none", "store_schema": False},
    ]
    return mutated([_parquet(pa.table(columns), options) for options in writers])


def _parquet(table: pa.Table, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()
