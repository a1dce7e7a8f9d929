"""Items, lengths, augmentation and counts of datasets, and that generation sees the training prompt."""

import re

import numpy as np
import pytest
import torch

from src.data.llm_dataset import InstructionAugmentedDataset, LLMSummarizationDataset, create_llm_dataset
from src.data.prompt.prompts import PROMPT_TEXTS
from src.data.prompt.templates import create_prompt_template
from src.data.prompt.truncation import TruncationCounts
from src.errors import YoyakError
from src.tests.data.rows import sample_rows
from src.tests.real_tokenizers import CHATML, LLAMA, YO, shared_tokenizer, smollm2_tokenizer, tiny_tokenizer

TOKENIZERS = {
    "tiny llama": lambda: tiny_tokenizer("llama"),
    "tiny chatml": lambda: tiny_tokenizer("chatml"),
    "llama3": lambda: shared_tokenizer("llama3"),
    "qwen3": lambda: shared_tokenizer("qwen3"),
    "smollm2": smollm2_tokenizer,
}
every_tokenizer = pytest.mark.parametrize("name", TOKENIZERS)
every_format = pytest.mark.parametrize("format_type", ["instruction", "chat"])


def sample(language="ko", count=None):
    rows = sample_rows(language)[:count]
    return [row["dialogue"] for row in rows], [row["summary"] for row in rows]


def prompt_ids(data, index):
    return data[index]["input_ids"].tolist()[: data.prompt_lengths[index]]


class TestItems:
    @pytest.fixture
    def data(self):
        return LLMSummarizationDataset(["A: a", "B: b"], ["요", "s"], tiny_tokenizer("llama"), instruction="I")

    def test_literally(self, data):
        prompt = [259, *b"### Instruction:\nI", 256, *b"### Input:\nA: a", 256, *b"### Response:\n"]
        item = {name: tensor.tolist() for name, tensor in data[0].items()}
        assert item == {
            "input_ids": [*prompt, YO, 260],
            "attention_mask": [1] * (len(prompt) + 2),
            "labels": [-100] * len(prompt) + [YO, 260],
        }

    def test_shapes_types_and_lengths(self, data):
        assert len(data) == 2
        for index in range(2):
            assert {tensor.dtype for tensor in data[index].values()} == {torch.int64}
            assert {tuple(tensor.shape) for tensor in data[index].values()} == {(52,)}
        assert data.lengths.tolist() == [52, 52]
        assert data.prompt_lengths.tolist() == [50, 50]

    def test_common_tokens(self, data):
        """The dialogues differ in their first letter; of equal ones all but the prompt's last token is common."""
        assert data.common_tokens == len([259, *b"### Instruction:\nI", 256, *b"### Input:\n"])
        arguments = {"tokenizer": data.tokenizer, "instruction": "I"}
        assert LLMSummarizationDataset(["A: a", "A: a"], ["s", "t"], **arguments).common_tokens == 49
        assert LLMSummarizationDataset([], [], **arguments).common_tokens == 0
        augmented = InstructionAugmentedDataset(["A: a", "B: b"], ["s", "t"], **arguments)
        assert augmented.common_tokens == len([259, *b"### Instruction:\n"])

    def test_an_item_is_ones_own(self, data):
        data[0]["input_ids"].zero_()
        assert data[0]["input_ids"][0] == 259

    def test_indices(self, data):
        assert data[-1]["input_ids"].tolist() == data[1]["input_ids"].tolist()
        assert data[-2]["input_ids"].tolist() == data[0]["input_ids"].tolist()
        assert data[np.int64(1)]["labels"][-2] == ord("s")
        for index in (2, -3):
            with pytest.raises(IndexError, match=f"example {index} of 2"):
                data[index]

    def test_numbers_of_dialogues_and_summaries_must_agree(self):
        with pytest.raises(YoyakError, match=re.escape("2 dialogues but 1 summaries; each needs one")):
            create_llm_dataset(["A: a", "B: b"], ["s"], tiny_tokenizer("llama"))
        with pytest.raises(YoyakError, match=re.escape("1 dialogues but 2 summaries; each needs one")):
            create_llm_dataset(["A: a"], ["s", "t"], tiny_tokenizer("llama"))

    def test_without_examples(self):
        data = create_llm_dataset([], [], tiny_tokenizer("llama"))
        assert len(data) == 0
        assert data.lengths.tolist() == []

    def test_order_over_many_batches(self):
        dialogues = [f"A: {number}" for number in range(1100)]
        data = create_llm_dataset(dialogues, [str(number) for number in range(1100)], tiny_tokenizer("chatml"))
        assert len(data) == 1100
        for index in (0, 511, 512, 1024, 1099):
            expected = data.prompt.encode_example(f"A: {index}", str(index))
            assert data[index]["input_ids"].tolist() == expected.input_ids
            assert data[index]["labels"].tolist() == expected.labels


@every_format
@every_tokenizer
def test_loss_falls_on_the_summary_and_its_end_token_only(name, format_type):
    """Traps 1, 3, 4, 7 and 12: a masked prompt with at most one BOS, no pad, a response that ends."""
    tokenizer = TOKENIZERS[name]()
    dialogues, summaries = sample(count=20)
    data = create_llm_dataset(dialogues, summaries, tokenizer, 8192, format_type=format_type)
    end = {"chat": {"llama": "<|eot_id|>"}, "instruction": {"tiny llama": "<|end_of_text|>", "llama3": "<|eot_id|>"}}
    family = "llama" if "llama" in name else "qwen"
    end_token = end[format_type].get(family if format_type == "chat" else name, "<|im_end|>")
    end_id = tokenizer.convert_tokens_to_ids(end_token)
    bos = tokenizer.convert_tokens_to_ids("<|begin_of_text|>") if family == "llama" else None
    for index, summary in enumerate(summaries):
        ids, labels = data[index]["input_ids"], data[index]["labels"]
        masked = int((labels == -100).sum())
        assert torch.all(labels[:masked] == -100)
        assert torch.equal(labels[masked:], ids[masked:])
        assert masked == data.prompt_lengths[index]
        assert labels[-1] == end_id
        assert (labels == end_id).sum() == 1
        assert tokenizer.decode(labels[masked:-1].tolist()) == summary
        assert tokenizer.pad_token_id not in labels.tolist()
        if bos is not None:
            assert ids[0] == bos
            assert (ids == bos).sum() == 1
        elif tokenizer.bos_token_id is not None and name != "smollm2":  # SmolLM2's is <|im_start|>
            assert tokenizer.bos_token_id not in ids.tolist()


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("chat_template", ["instruction", None, "auto"])
@every_tokenizer
def test_the_prompt_of_generation_is_the_prompt_of_training(name, chat_template, language):
    """Trap 13: id for id, also where the dialogue is cut."""
    tokenizer = TOKENIZERS[name]()
    if name.startswith("tiny"):
        tokenizer.chat_template = LLAMA if "llama" in name else CHATML
    choices = {"language": language, "encoder_max_len": 300 if "tiny" not in name else 900}
    if chat_template != "instruction":
        choices |= {"format_type": "chat", "chat_template": chat_template}
    dialogues, summaries = sample(language, 12)
    dialogues.append(sample_rows(language, "long")[0]["dialogue"])
    summaries.append("s")
    generation = create_prompt_template(tokenizer, **choices).encode_prompts(dialogues)
    for augmented in (False, True) if name.startswith("tiny") else (True,):  # large vocabularies take a second
        data = create_llm_dataset(dialogues, summaries, tokenizer, use_instruction_augmentation=augmented, **choices)
        step = 5 if augmented else 1
        for index, prompt in enumerate(generation):
            assert prompt_ids(data, index * step) == prompt
            assert data.prompt.encode_prompt(dialogues[index]) == prompt
        assert data.truncation.prompts_cut >= 1


class TestAugmentation:
    """Trap 11: the five instructions are in the prompts of both formats."""

    @pytest.mark.parametrize("language", ["ko", "en"])
    @every_format
    def test_five_prompts_of_each_dialogue_side_by_side(self, format_type, language):
        tokenizer = tiny_tokenizer("chatml")
        dialogues, summaries = sample(language, 3)
        choices = {"encoder_max_len": 4096, "format_type": format_type, "language": language}
        plain = LLMSummarizationDataset(dialogues, summaries, tokenizer, **choices)
        data = InstructionAugmentedDataset(dialogues, summaries, tokenizer, **choices)
        assert len(data) == 15
        texts = PROMPT_TEXTS[language]
        default = texts.chat_sentence if format_type == "chat" else texts.instruction
        for index in range(3):
            versions = [prompt_ids(data, 5 * index + number) for number in range(5)]
            assert versions[0] == prompt_ids(plain, index)
            assert len({tuple(ids) for ids in versions}) == 5
            before = "<|im_start|>user\n" if format_type == "chat" else "### Instruction:\n"
            after = "\n" if format_type == "chat" else "\n\n### Input:\n"
            for ids, sentence in zip(versions, [default, *texts.more_instructions], strict=True):
                assert f"{before}{sentence}{after}{dialogues[index]}" in tokenizer.decode(ids)
            for number in range(5):
                labels = data[5 * index + number]["labels"]
                assert tokenizer.decode(labels[labels != -100]) == summaries[index] + "<|im_end|>"

    @pytest.mark.parametrize("own", ["I", "주어진 대화의 요점을 짧게 써주세요.", "다음 대화를 간결하게 요약해주세요."])
    @every_format
    def test_ones_own_instruction_comes_first_and_once(self, format_type, own):
        tokenizer = tiny_tokenizer("chatml")
        data = InstructionAugmentedDataset(["A: a"], ["s"], tokenizer, format_type=format_type, instruction=own)
        assert len({tuple(prompt_ids(data, number)) for number in range(5)}) == 5
        assert f"{own}\n" in tokenizer.decode(prompt_ids(data, 0))

    def test_create_llm_dataset_chooses_the_class(self):
        arguments = (["A: a"], ["s"], tiny_tokenizer("llama"))
        assert type(create_llm_dataset(*arguments)) is LLMSummarizationDataset
        augmented = create_llm_dataset(*arguments, use_instruction_augmentation=True)
        assert type(augmented) is InstructionAugmentedDataset

    def test_counts_are_added_up_over_the_templates(self):
        data = InstructionAugmentedDataset(
            ["A: a\nB: " + "x" * 600 + "\nA: b", "A: a"], ["long", "s"], tiny_tokenizer("llama"), 400, 3, "chat"
        )
        counts = data.truncation
        assert (counts.examples, counts.prompts_cut, counts.long_summaries) == (10, 5, 5)
        assert data.lengths.max() <= 400 + len(b"long") + 1


def test_counts_of_a_plain_dataset():
    turns = ["A: 1", "B: 2", "A: 3", "B: 4", "A: 5"]
    # The prompt's own text takes 45 tokens, the five turns 24; without the third they take 19.
    data = create_llm_dataset(
        ["\n".join(turns), "A: 1"], ["ab", "abc"], tiny_tokenizer("chatml"), 45 + 23, 2, instruction="I"
    )
    assert data.truncation == TruncationCounts(examples=2, prompts_cut=1, turns_cut=1, tokens_cut=5, long_summaries=1)
    assert data[1]["labels"].tolist()[-4:] == [*b"abc", 261]


class TestTextForPeople:
    def test_both_formats(self):
        data = create_llm_dataset(["A: a"], ["s"], tiny_tokenizer("chatml"), system="S", instruction="I , please !")
        assert data._format_instruction("A: b", "요 .") == (
            "### Instruction:\nI , please !\n\n### Input:\nA: b\n\n### Response:\n요 .<|im_end|>"
        )
        assert data._format_chat("A: b", "요 .") == (
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nI , please !\nA: b<|im_end|>\n"
            "<|im_start|>assistant\n요 .<|im_end|>"
        )

    def test_the_default_text_of_each_format(self):
        data = create_llm_dataset(["A: a"], ["s"], tiny_tokenizer("llama"), format_type="chat", language="en")
        assert "user<|end_header_id|>\n\nPlease summarize the following dialogue:\nA: b" in data._format_chat(
            "A: b", "s"
        )
        assert "Please summarize the following dialogue concisely.\n\n###" in data._format_instruction("A: b", "s")

    def test_the_datasets_own_layout(self):
        tokenizer = tiny_tokenizer("chatml")
        tokenizer.chat_template = "Own.\n" + CHATML
        data = create_llm_dataset(["A: a"], ["s"], tokenizer, format_type="chat", chat_template="auto")
        assert data._format_chat("A: a", "s") == tokenizer.decode(data[0]["input_ids"])
        assert data._format_chat("A: a", "s").startswith("Own.\n<|im_start|>system")

    def test_it_leaves_the_counts_alone(self):
        data = create_llm_dataset(["A: a"], ["s"], tiny_tokenizer("chatml"))
        data._format_chat("A: " + "x" * 3000, "s")
        assert data.truncation == TruncationCounts(examples=1)
