"""Hypothesis strategies of inputs that are nearly right: good ones with some of their bytes changed; any JSON."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

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
names = st.sampled_from(
    ["dialogue", "summary", "fname", "topic", "messages", "conversations", "role", "from", "content", "value", "data"]
)
json_values: st.SearchStrategy[Any] = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | _text, inner, max_size=4)
)


def as_json(value: Any) -> bytes:
    """Return the value as JSON of ASCII letters."""
    return json.dumps(value, ensure_ascii=True).encode()


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
    settings = st.sampled_from(
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
    changed = st.builds(_merged, st.just(ADAPTER), st.dictionaries(settings, values, max_size=3))
    return mutated([as_json(ADAPTER)]) | st.builds(as_json, changed | json_values)


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
    return mutated([as_json(seed) for seed in seeds]) | st.builds(as_json, merged | json_values)


def _merged(seed: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    return seed | change
