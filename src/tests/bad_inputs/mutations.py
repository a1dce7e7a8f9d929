"""Hypothesis strategies of files that are nearly right: good ones of each format with some of their bytes changed."""

import io
import json
import random
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

Strategy = st.SearchStrategy[bytes]

# What parsers look at, and characters that are often handled wrongly.
TOKENS = [
    b",", b"\t", b";", b'"', b'""', b"'", b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b"\x1a", b"\x1b[2J", b" ", b"\\", b"/",
    b"{", b"}", b"[", b"]", b":", b": ", b"- ", b"#",
    b"&a ", b"*a", b"<<: ", b"!!", b"!!python/name:os.system ",
    b"|\n", b">-\n", b"? ", b"%YAML 9\n", b"---\n", b"...\n", b"~", b"@", b"`", b"null", b"true", b"NaN", b"-Infinity",
    b"1e999", b"9" * 40, b"9" * 5000, b"0x_", b"2026-13-45", b"1:60:60", b"\\ud800", b"\\udc00", b"\\u0000", b"\\x",
    b"\xff", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xb0\xa1", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    "\u2028".encode(), "\u0085".encode(), "\u202e".encode(), "\ufeff".encode(), "👩‍👩‍👧".encode(), "가".encode(),
    b"[" * 2000, b'{"a":' * 2000, b"(" * 500, b"dialogue", b"summary", b"fname", b"messages", b"conversations", b"role",
    b"content", b"from", b"value", b"_base_", b"model:", b"training:", b"checkpoint", b"experiment", b"PAR1",
    b"\x7f" * 8, b"\x00" * 8, b"\xff" * 8, b"\x80\x80\x80\x80\x10",
]  # fmt: skip

_KINDS = ["insert", "replace", "delete", "repeat", "cut", "flip"]
_edits = st.lists(
    st.tuples(
        st.sampled_from(_KINDS),
        st.integers(0, 1 << 16),
        st.integers(1, 64),
        st.sampled_from(TOKENS) | st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)


def mutated(seeds: Sequence[bytes]) -> Strategy:
    """Return one of `seeds` with one to six edits."""
    return st.builds(_edited, st.sampled_from(seeds), _edits)


def variants(data: bytes, number: int) -> Iterator[bytes]:
    """Yield changed forms of an input without end, the same ones for the same number."""
    draw = random.Random(number)
    while True:
        edits = [
            (draw.choice(_KINDS), draw.getrandbits(16), draw.randint(1, 64), draw.choice([*TOKENS, draw.randbytes(4)]))
            for _ in range(draw.choice([1, 1, 2, 4]))
        ]
        yield _edited(data, edits)


def _edited(data: bytes, edits: Sequence[tuple[str, int, int, bytes]]) -> bytes:
    for kind, place, length, token in edits:
        at = place % (len(data) + 1)
        before, middle, after = data[:at], data[at : at + length], data[at + length :]
        if kind == "flip":
            middle = bytes(byte ^ (1 << (place >> 4) % 8) for byte in middle[:1]) + middle[1:]
        parts = {
            "insert": before + token + middle + after,
            "replace": before + token + data[at + len(token) :],
            "delete": before + after,
            "repeat": before + middle * 3 + after,
            "cut": before,
            "flip": before + middle + after,
        }
        data = parts[kind]
    return data


_text = st.text(st.characters(exclude_categories=[]), max_size=12)  # with lone surrogates and control characters
_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | _text
    | st.sampled_from([10**400, 1e308, 2**63, "\0", "\ud800", "<|im_end|>", "user", "assistant", "system", "text", ""])
)
_names = st.sampled_from(
    ["dialogue", "summary", "fname", "topic", "messages", "conversations", "role", "from", "content", "value", "data"]
)
json_values: st.SearchStrategy[Any] = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names | _text, inner, max_size=4)
)


def _as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode()


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
    rows = st.lists(st.dictionaries(_names, json_values, max_size=4), max_size=4)
    wrapped = st.dictionaries(_names, rows | json_values, max_size=3)
    return mutated([json.dumps(seed, indent=1, ensure_ascii=False).encode() for seed in seeds]) | st.builds(
        _as_json, rows | wrapped | json_values
    )


def json_lines_files() -> Strategy:
    """Return lines of rows and conversations, mutated, and lines of other JSON."""
    seed = b"\n".join(_as_json(row) for row in [*ROWS, *CONVERSATIONS, *CORPUS]) + b"\n"
    rows = st.dictionaries(_names, json_values, max_size=4) | json_values
    return mutated([seed]) | st.builds(b"\n".join, st.lists(st.builds(_as_json, rows), max_size=4))


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


CONFIG = """\
# a comment
model:
  checkpoint: bundled:smollm2-135m
  dtype: bf16
lora: {r: 16, target_modules: [q_proj, "k_proj"]}
training:
  learning_rate: 2e-5
  epochs: 3
  gradient_checkpointing: yes
  report_to: []
dataset:
  system: |
    Two
    lines
experiment:
  name: a
  tags: &tags
    - x
"""


def config_files() -> Strategy:
    """Return YAML configs, mutated."""
    return mutated([CONFIG.encode(), f"_base_: base.yaml\n{CONFIG}".encode(), b"_base_: [base.yaml]\nmodel:\n"])


ADAPTER: dict[str, Any] = {
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "r": 4,
    "lora_alpha": 8,
    "lora_dropout": 0.0,
    "bias": "none",
    "target_modules": ["q_proj", "v_proj"],
    "init_lora_weights": True,
}


def adapter_configs() -> Strategy:
    """Return adapters' configs with strange values, mutated ones, and other JSON."""
    patterns = st.sampled_from(["q_proj", ".*q_proj", "(", r"([\w.]+)+~", r"layers\.0\..*", "", "lm_head"])
    names = st.sampled_from(
        [
            "r",
            "lora_alpha",
            "rank_pattern",
            "alpha_pattern",
            "target_modules",
            "exclude_modules",
            "modules_to_save",
            "layers_to_transform",
            "layers_pattern",
            "layer_replication",
            "init_lora_weights",
            "trainable_token_indices",
            "use_dora",
            "use_rslora",
            "bias",
            "lora_bias",
            "megatron_config",
            "loftq_config",
            "target_parameters",
        ]
    )
    values = json_values | patterns | st.lists(patterns, max_size=3)
    values |= st.dictionaries(patterns, st.integers(-2, 1 << 40) | st.floats(), max_size=2)
    changed = st.builds(_merged, st.just(ADAPTER), st.dictionaries(names, values, max_size=3))
    return mutated([_as_json(ADAPTER)]) | st.builds(_as_json, changed | json_values)


def overrides(settings: Sequence[str]) -> Strategy:
    """Return `section.key=value` as people and attackers write it."""
    good = [f"{setting}={value}" for setting in settings for value in ("1", "a", "[a, b]", "null", "2e-5", "on", '"x"')]
    texts = st.builds("{}={}".format, st.sampled_from(settings), st.text(max_size=20))
    return mutated([text.encode() for text in good]) | texts.map(str.encode)


def screen_texts() -> Strategy:
    """Return texts as data may hold them: markup, escapes that steer a terminal, turned directions, halves of pairs."""
    seeds = ["[/quote] [laughs] [bold]A[/bold]: hi", "\x1b]0;x\x07\x1b[2J\x9b31mA: hi\r\n\tB:\u202ehi\u2028:smile:"]
    odd = st.text(st.sampled_from("[]/=:\\'\"ab \n\r\t\x1b\x07\x9b\x00\u200f\u202e\u2066\u2028가👍"), max_size=40)
    return mutated([seed.encode() for seed in seeds]) | odd.map(str.encode)


def bodies() -> Strategy:
    """Return bodies of the server's requests: good ones with strange values, mutated ones, and other JSON."""
    chat: dict[str, Any] = {
        "model": "m",
        "messages": [{"role": "user", "content": "A: a"}],
        "temperature": 0.5,
        "seed": 1,
    }
    plain: dict[str, Any] = {"dialogue": "A: a", "max_tokens": 5, "truncate": True}
    turns = [{"speaker": "A", "text": "a"}, {"speaker": 2, "utterance": [{"type": "text", "text": "b"}]}]
    several: dict[str, Any] = {"dialogues": ["A: a", turns, ["A: a"], {"speaker": ["A"], "text": ["a"]}], "top_p": 0.9}
    parts: dict[str, Any] = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "A: a"}]}],
        "stream": True,
    }
    seeds = [chat, plain, several, parts | {"stream_options": {"include_usage": True}, "stop": [], "tools": []}]
    fields = sorted({name for seed in seeds for name in seed} | {"n", "user", "logit_bias", "response_format"})
    merged = st.builds(
        _merged, st.sampled_from(seeds), st.dictionaries(st.sampled_from(fields), json_values, max_size=3)
    )
    return mutated([_as_json(seed) for seed in seeds]) | st.builds(_as_json, merged | json_values)


def _merged(seed: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    return seed | change
