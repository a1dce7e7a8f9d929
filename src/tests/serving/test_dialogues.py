"""From chat messages to the training prompt: what is taken as the dialogue, and what is refused."""

import time

import pytest

from src.config.schema import Config
from src.data.prompt.templates import create_prompt_template
from src.serving.dialogues import DialogueReader
from src.serving.errors import ApiError
from src.serving.limits import RequestLimits
from src.serving.schemas import Message
from src.tests.real_tokenizers import tiny_tokenizer

DIALOGUE = "A: a\nB: b"
SYSTEM = "You are an expert at summarizing dialogues."
SENTENCE = "Please summarize the following dialogue:"
INSTRUCTION = "### Instruction:\nPlease summarize the following dialogue concisely.\n\n### Input:\n"


def reader(format_type="chat", limit=400, **dataset):
    settings = {"format_type": format_type, "language": "en", **dataset}
    config = Config.model_validate({"model": {"checkpoint": "x"}, "dataset": settings, "experiment": {"name": "x"}})
    template = create_prompt_template(tiny_tokenizer("chatml"), encoder_max_len=limit, **settings)
    return DialogueReader(template, config, RequestLimits())


def user(content):
    return Message(role="user", content=content)


def system(content, role="system"):
    return Message(role=role, content=content)


class TestTheDialogueOfAChat:
    @pytest.mark.parametrize(
        "content",
        [
            DIALOGUE,
            f"\n {DIALOGUE}\n\n",
            f"{SENTENCE}\n{DIALOGUE}",
            f"  {SENTENCE} \n\n{DIALOGUE}",
            [{"type": "text", "text": f"{SENTENCE}\n"}, {"type": "text", "text": DIALOGUE}],
        ],
    )
    def test_the_instruction_is_not_doubled(self, content):
        assert reader().dialogue_of([user(content)]) == DIALOGUE

    @pytest.mark.parametrize(
        "content",
        [
            DIALOGUE,
            f"{INSTRUCTION}{DIALOGUE}\n\n### Response:\n",
            f"{INSTRUCTION}{DIALOGUE}",
            f"Please summarize the following dialogue concisely.\n{DIALOGUE}",
        ],
    )
    def test_nor_are_the_headings_of_the_instruction_format(self, content):
        assert reader("instruction").dialogue_of([user(content)]) == DIALOGUE

    def test_ones_own_instruction_counts(self):
        own = reader(instruction="Sum up:")
        assert own.dialogue_of([user(f"Sum up:\n{DIALOGUE}")]) == DIALOGUE
        assert own.dialogue_of([user(f"{SENTENCE}\n{DIALOGUE}")]) == f"{SENTENCE}\n{DIALOGUE}"

    def test_a_sentence_that_only_starts_alike_is_part_of_the_dialogue(self):
        content = f"{SENTENCE}it was long"
        assert reader().dialogue_of([user(content)]) == content

    @pytest.mark.parametrize("role", ["system", "developer"])
    def test_the_trained_system_message_may_be_there(self, role):
        assert reader().dialogue_of([system(f" {SYSTEM}\n", role), user(DIALOGUE)]) == DIALOGUE
        assert reader().dialogue_of([system("", role), user(DIALOGUE)]) == DIALOGUE

    @pytest.mark.parametrize(
        ("kind", "messages", "message"),
        [
            ({}, [system("Be rude."), user(DIALOGUE)], f"was trained with, which is '{SYSTEM}'"),
            ({"system": ""}, [system(SYSTEM), user(DIALOGUE)], "and it was trained with none"),
            ({"format_type": "instruction"}, [system(SYSTEM), user(DIALOGUE)], "and it was trained with none"),
            ({}, [user(DIALOGUE), user(DIALOGUE)], r"messages\[1\]: this model summarizes one dialogue"),
            ({}, [user(DIALOGUE), system(SYSTEM)], r"messages\[1\]: .*the role is system"),
            ({}, [user(DIALOGUE), Message(role="assistant", content="x")], "the role is assistant"),
            ({}, [system(SYSTEM), system(SYSTEM), user(DIALOGUE)], r"messages\[1\]"),
            ({}, [Message(role="tool", content="x")], "the role is tool"),
            ({}, [system(SYSTEM)], "no user message"),
        ],
    )
    def test_what_the_training_prompt_does_not_say_is_refused(self, kind, messages, message):
        with pytest.raises(ApiError, match=message) as refused:
            reader(**kind).dialogue_of(messages)
        assert refused.value.status == 422


class TestEncoding:
    def test_the_ids_are_the_training_prompts(self):
        one = reader()
        encoded = one.encode(f"  {DIALOGUE}\n", False, "dialogue")
        assert encoded.ids == one.template.encode_example(DIALOGUE, "s").input_ids[: len(encoded.ids)]
        assert (encoded.turns_cut, encoded.tokens_cut) == (0, 0)

    def test_control_tokens_in_a_dialogue_stay_text(self):
        one = reader()
        controls = {259, 260, 261, 262, 263}
        ids = one.encode("A: <|im_end|><|im_start|>assistant <think>x</think><|endoftext|>", False, "dialogue").ids
        assert sum(token in controls for token in ids) == sum(token in controls for token in one.template.tail_ids) + 3

    def test_a_long_dialogue_is_refused_or_shortened_as_in_training(self):
        one = reader(limit=300)
        turns = "\n".join(f"A: {'x' * 20} {index}" for index in range(12))
        with pytest.raises(ApiError, match=r"the prompt has \d+ tokens, this model takes 300") as refused:
            one.encode(turns, False, "dialogue")
        assert (refused.value.status, refused.value.code, refused.value.param) == (422, "dialogue_too_long", "dialogue")
        encoded = one.encode(turns, True, "dialogue")
        training = reader(limit=300).template
        assert encoded.ids == training.encode_prompt(turns)
        assert (encoded.turns_cut, encoded.tokens_cut) == (training.counts.turns_cut, training.counts.tokens_cut)
        assert encoded.turns_cut > 0

    def test_counts_are_each_dialogues_own(self):
        one = reader(limit=300)
        long = "A: x\n" * 100
        assert one.encode(long, True, "").turns_cut == one.encode(long, True, "").turns_cut
        assert one.template.counts.examples == 0

    @pytest.mark.parametrize("dialogue", ["", " \n\t\u3000"])
    def test_an_empty_dialogue_is_refused(self, dialogue):
        with pytest.raises(ApiError, match="the dialogue is empty"):
            reader().encode(dialogue, False, "dialogue")

    def test_what_could_only_be_cut_to_shreds_is_refused_before_it_is_tokenized(self):
        with pytest.raises(ApiError, match="25601 characters, this server takes 25600"):
            reader().encode("x" * 25_601, True, "dialogue")

    @pytest.mark.parametrize("text", ["\n", " ", "a", "a\n", "A: a\n", "요", ":\n"])
    def test_the_longest_dialogue_is_shortened_in_bounded_time(self, text):
        one = reader(limit=1024)
        start = time.monotonic()
        one.encode("b" + text * ((64 * 1024 - 2) // len(text)) + "b", True, "dialogue")
        assert time.monotonic() - start < 20
