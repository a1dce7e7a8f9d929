"""What goes when a dialogue is too long: whole turns of its middle, and nothing of the prompt."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.data.prompt.templates import create_prompt_template
from src.data.prompt.truncation import TruncationCounts, shorten_dialogue, split_turns
from src.errors import YoyakError
from src.tests.data.rows import sample_rows
from src.tests.real_tokenizers import YO, shared_tokenizer, smollm2_tokenizer, tiny_tokenizer

FIVE = "A: 1\nB: 2\nA: 3\nB: 4\nA: 5"  # each turn takes 5 tokens with its newline, a token a letter
FIXED_TOKENS = 32  # <s>system\nS<e>\n = 11, <s>user\nI\n = 8, <e>\n<s>assistant\n = 13


def template(encoder_max_len, kind="chatml", format_type="chat", **choices):
    return create_prompt_template(
        tiny_tokenizer(kind),
        encoder_max_len=encoder_max_len,
        format_type=format_type,
        **{"system": "S", "instruction": "I", **choices},
    )


def by_letter(text):
    return list(range(1, len(text) + 1))


def dialogue_of(ids):
    """Return the dialogue in the prompt of `template`."""
    return bytes(ids[19:-13]).decode()


@pytest.mark.parametrize(
    ("dialogue", "turns"),
    [
        ("#Person1#: a\n#Person2#: b\nmore\n#Person1#: c", ["#Person1#: a", "#Person2#: b\nmore", "#Person1#: c"]),
        ("김 대리: 네\n박 과장：응", ["김 대리: 네", "박 과장：응"]),
        ("(전화)\nA: a\nB: b", ["(전화)", "A: a", "B: b"]),
        ("one\ntwo\n\nthree", ["one", "two", "", "three"]),
        ("Note: one speaker only\nis none", ["Note: one speaker only", "is none"]),
        ("", [""]),
    ],
)
def test_split_turns(dialogue, turns):
    assert split_turns(dialogue) == turns


@pytest.mark.parametrize(
    ("dialogue", "budget", "shorter", "turns_cut"),
    [
        (FIVE, 25, FIVE, 0),
        (FIVE, 24, "A: 1\nB: 2\nB: 4\nA: 5", 1),
        (FIVE, 15, "A: 1\nB: 2\nA: 5", 2),
        (FIVE, 14, "A: 1\nA: 5", 3),
        (FIVE, 9, "A: 1", 4),
        (FIVE, 4, "A: 1", 4),  # without its newline
        (FIVE, 3, "A:", 4),
        (FIVE, 0, "", 5),
        (FIVE, -7, "", 5),
        # An end that does not fit leaves its room to the other.
        ("A: " + "x" * 30 + "\nB: 1\nA: 2\nB: 3", 15, "B: 1\nA: 2\nB: 3", 1),
        ("B: 1\nA: 2\nB: 3\nA: " + "x" * 30, 15, "B: 1\nA: 2\nB: 3", 1),
        # A giant turn goes in part only, where the budget would stay more than half empty without it.
        ("A: " + "x" * 100, 10, "A: xxxxxxx", 0),
        ("A: " + "x" * 100 + "\nB: ok", 20, "A: " + "x" * 11 + "\nB: ok", 0),
        ("A: a\nB: " + "x" * 100 + "\nA: b\nB: c", 40, "A: a\nB: " + "x" * 22 + "\nA: b\nB: c", 0),
    ],
)
def test_shorten_dialogue(dialogue, budget, shorter, turns_cut):
    assert shorten_dialogue(dialogue, budget, by_letter) == (shorter, turns_cut)


class TestPrompt:
    def test_one_that_just_fits_is_kept_whole(self):
        exact = template(FIXED_TOKENS + 24)
        assert dialogue_of(exact.encode_prompt(FIVE)) == FIVE
        assert exact.counts == TruncationCounts(examples=1)
        assert exact.counts.sentence() == "1 example, none shortened"

    def test_what_was_cut_is_counted(self):
        short = template(FIXED_TOKENS + 23, decoder_max_len=3)
        prompts = short.encode_examples([FIVE, "A: 1", FIVE], ["abc", "abcd", "요요요요"])
        assert dialogue_of(prompts[0].input_ids[: prompts[0].prompt_length]) == "A: 1\nB: 2\nB: 4\nA: 5"
        assert short.counts == TruncationCounts(examples=3, prompts_cut=2, turns_cut=2, tokens_cut=10, long_summaries=2)
        assert short.counts.sentence() == (
            "3 examples, 2 dialogues shortened (2 turns, 10 tokens cut), "
            "2 summaries longer than decoder_max_len, kept whole"
        )

    def test_all_but_the_dialogue_survives_a_giant_turn_and_a_long_summary(self):
        """Trap 5: neither the system text and instruction (cut from the left) nor the summary and its end go."""
        example = template(FIXED_TOKENS + 10, decoder_max_len=1).encode_example("A: " + "x" * 5000, "요" * 300)
        assert example.input_ids == [
            260, *b"system\nS", 261, 10, 260, *b"user\nI\nA: xxxxxxx", 261, 10, 260, *b"assistant\n",
            *[YO] * 300, 261,
        ]  # fmt: skip
        assert example.prompt_length == FIXED_TOKENS + 10

    def test_no_room_for_a_dialogue(self):
        message = (
            "tokenizer.encoder_max_len = 32: the prompt's own text takes 32 tokens, which leaves none for a dialogue; "
            "use 160 or more"
        )
        with pytest.raises(YoyakError, match=re.escape(message)):
            template(FIXED_TOKENS)
        assert dialogue_of(template(FIXED_TOKENS + 1).encode_prompt(FIVE)) == "A"

    @pytest.mark.parametrize("room", range(1, 20))
    def test_korean_is_cut_between_characters(self, room):
        ids = template(FIXED_TOKENS + room).encode_prompt("약" * 50)  # three tokens a character
        assert dialogue_of(ids) == "약" * (room // 3)

    def test_prompt_lengths_are_those_before_cutting(self):
        assert template(FIXED_TOKENS + 5).prompt_lengths([FIVE, " A: 1\n"]) == [FIXED_TOKENS + 24, FIXED_TOKENS + 4]


TURN = st.text(st.sampled_from("ab :요약.\n<|>#é한😀"), max_size=40)
LITTLE = {kind: {f: template(1024, kind, f) for f in ("chat", "instruction")} for kind in ("llama", "chatml")}


@given(
    turns=st.lists(TURN, min_size=1, max_size=12),
    kind=st.sampled_from(["llama", "chatml"]),
    format_type=st.sampled_from(["chat", "instruction"]),
    room=st.integers(1, 80),
)
@settings(max_examples=150, deadline=None)
def test_the_budget_is_never_exceeded_and_the_prompts_own_text_is_whole(turns, kind, format_type, room):
    whole = LITTLE[kind][format_type]
    dialogue = "\n".join(f"{'AB'[i % 2]}: {turn}" for i, turn in enumerate(turns))
    fixed = len(whole.head_ids + whole.encoder.encode(whole.lead + whole.trail) + whole.tail_ids)
    short = type(whole)(
        whole.encoder, whole.head_ids, whole.lead, whole.trail, whole.tail_ids, whole.end_id, fixed + room, 200
    )
    ids = short.encode_prompt(dialogue)
    assert len(ids) <= fixed + room
    body = ids[len(short.head_ids) : len(ids) - len(short.tail_ids)]
    assert ids[: len(short.head_ids)] == short.head_ids
    assert ids[len(ids) - len(short.tail_ids) :] == short.tail_ids
    text = tiny_text(body)
    assert text.startswith(short.lead)
    assert text.endswith(short.trail)
    uncut = len(whole.encode_prompt(dialogue))
    assert short.counts.prompts_cut == (uncut > fixed + room)
    assert short.counts.tokens_cut == uncut - len(ids)
    kept = text[len(short.lead) : len(text) - len(short.trail)]
    letters = iter(dialogue)
    assert all(letter in letters for letter in kept), "what is kept is in the dialogue, in its order"


def tiny_text(ids):
    """Return the text of ids without control tokens; strict: half a character fails."""
    pieces = {256: b"\n\n", YO: "요".encode()}
    return b"".join(pieces.get(i) or bytes([i]) for i in ids).decode()


@pytest.mark.parametrize(
    "tokenizer", [smollm2_tokenizer, lambda: shared_tokenizer("llama3")], ids=["smollm2", "llama3"]
)
@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_long_samples(language, tokenizer):
    tokenizer = tokenizer()
    prompt = create_prompt_template(tokenizer, format_type="chat", language=language)
    rows = sample_rows(language, "long")
    assert len(rows) == 5
    before = prompt.prompt_lengths([row["dialogue"] for row in rows])
    assert min(before) > 1024
    for row in rows:
        ids = prompt.encode_prompt(row["dialogue"])
        assert 900 < len(ids) <= 1024
        text = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        lines = row["dialogue"].strip().split("\n")
        kept = [line for line in lines if line in text]
        middle = len(lines) - len(kept)
        front = next(i for i, line in enumerate(lines) if line not in text)
        assert lines[:front] + lines[front + middle :] == kept, "one block of whole turns is gone"
        assert 1 <= front <= len(lines) - middle - 1, "both ends are kept"
        assert "\n".join(kept[:front]) in text
    assert prompt.counts.prompts_cut == 5
