"""Datasets of encoded examples: ids and labels made together, kept in flat arrays."""

from array import array
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch.utils.data import Dataset

from ..architectures import ChatTemplate
from ..errors import YoyakError
from .prompt.prompts import augmented_instructions
from .prompt.templates import IGNORE, PromptTemplate, create_prompt_template
from .prompt.text_encoder import text_encoder
from .prompt.truncation import TruncationCounts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# Encoded together: large enough for all cores, small enough that token lists of Python integers stay few.
_BATCH = 512


class LLMSummarizationDataset(Dataset[dict[str, torch.Tensor]]):
    """Dialogues with summaries as causal language model examples.

    Item i holds, one-dimensional and unpadded, with n the example's length::

        {"input_ids": int64 (n,), "attention_mask": int64 (n,) of ones, "labels": int64 (n,)}

    `labels` is -100 exactly on the prompt; the last token is the end token, and it carries loss.
    """

    def __init__(
        self,
        dialogues: Sequence[str],
        summaries: Sequence[str],
        tokenizer: "PreTrainedTokenizerFast",
        encoder_max_len: int = 1024,
        decoder_max_len: int = 200,
        format_type: Literal["instruction", "chat"] = "instruction",
        *,
        chat_template: ChatTemplate | None = None,
        language: Literal["ko", "en"] = "ko",
        system: str | None = None,
        instruction: str | None = None,
        names: Sequence[str] = (),
    ) -> None:
        """Encode all examples; what truncation cut is in `truncation`. `names` are for messages about dialogues.

        Raises:
            YoyakError: numbers of dialogues and summaries differ, or the prompt can't be built (see
                `create_prompt_template`).
        """
        if len(dialogues) != len(summaries):
            raise YoyakError(f"{len(dialogues)} dialogues but {len(summaries)} summaries; each needs one")
        self.tokenizer = tokenizer
        self._prompt: dict[str, Any] = {
            "encoder_max_len": encoder_max_len,
            "decoder_max_len": decoder_max_len,
            "format_type": format_type,
            "chat_template": chat_template,
            "language": language,
            "system": system,
            "instruction": instruction,
            "encoder": text_encoder(tokenizer),
        }
        self.templates = [
            create_prompt_template(tokenizer, **self._prompt | {"instruction": sentence})
            for sentence in self._sentences(language, instruction)
        ]
        self.names = names
        self._encode(dialogues, summaries)

    def _sentences(self, language: Literal["ko", "en"], instruction: str | None) -> Sequence[str | None]:
        """Return the sentences under which each dialogue appears; None is the format's default."""
        return [instruction]

    def _encode(self, dialogues: Sequence[str], summaries: Sequence[str]) -> None:
        ids = array("i")  # grows in place, 4 bytes a token: no second copy at the end
        lengths: list[int] = []
        prompt_lengths: list[int] = []
        for start in range(0, len(dialogues), _BATCH):
            part = slice(start, start + _BATCH)
            by_template = [t.encode_examples(dialogues[part], summaries[part]) for t in self.templates]
            for examples in zip(*by_template, strict=True):  # a dialogue's versions stay together
                for example in examples:
                    ids.extend(example.input_ids)
                    lengths.append(len(example.input_ids))
                    prompt_lengths.append(example.prompt_length)
        self._ids = np.asarray(ids)
        self.lengths = np.array(lengths, dtype=np.int32)
        self.prompt_lengths = np.array(prompt_lengths, dtype=np.int32)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)])

    @property
    def truncation(self) -> TruncationCounts:
        """Return what was cut, added up over the templates."""
        total = TruncationCounts()
        for template in self.templates:
            for name, count in template.counts.as_dict().items():
                setattr(total, name, getattr(total, name) + count)
        return total

    @cached_property
    def common_tokens(self) -> int:
        """Return how many tokens all examples begin with, less than the shortest prompt has."""
        most = int(self.prompt_lengths.min()) - 1 if len(self) else 0
        firsts = self._starts[:-1]
        return next((place for place in range(most) if (self._ids[firsts + place] != self._ids[place]).any()), most)

    @property
    def prompt(self) -> PromptTemplate:
        """Return the (first) prompt template, the one for generation."""
        return self.templates[0]

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"example {index} of {len(self)}")
        index %= len(self)
        ids = torch.from_numpy(self._ids[self._starts[index] : self._starts[index + 1]].astype(np.int64))
        labels = ids.clone()
        labels[: int(self.prompt_lengths[index])] = IGNORE
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}

    def _format_instruction(self, dialogue: str, summary: str) -> str:
        """Return the text of an example in the instruction format, for people to read."""
        return self._rendered("instruction", dialogue, summary)

    def _format_chat(self, dialogue: str, summary: str) -> str:
        """Return the text of an example in the chat format, for people to read."""
        return self._rendered("chat", dialogue, summary)

    def _rendered(self, format_type: Literal["instruction", "chat"], dialogue: str, summary: str) -> str:
        template = create_prompt_template(self.tokenizer, **self._prompt | {"format_type": format_type})
        ids = template.encode_example(dialogue, summary).input_ids
        return str(self.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


class InstructionAugmentedDataset(LLMSummarizationDataset):
    """Every dialogue under five instructions: n dialogues become 5 n examples, versions side by side.

    The first is the one that evaluation and generation use (the format's default, or one's own), so the model has seen
    it; the other four are the language's. In the chat format the instruction is the user's sentence.
    """

    def _sentences(self, language: Literal["ko", "en"], instruction: str | None) -> Sequence[str | None]:
        return augmented_instructions(language, instruction)


def create_llm_dataset(
    dialogues: Sequence[str],
    summaries: Sequence[str],
    tokenizer: "PreTrainedTokenizerFast",
    encoder_max_len: int = 1024,
    decoder_max_len: int = 200,
    format_type: Literal["instruction", "chat"] = "instruction",
    *,
    use_instruction_augmentation: bool = False,
    chat_template: ChatTemplate | None = None,
    language: Literal["ko", "en"] = "ko",
    system: str | None = None,
    instruction: str | None = None,
    names: Sequence[str] = (),
) -> LLMSummarizationDataset:
    """Create a dataset, of five instructions an example where `use_instruction_augmentation` is set."""
    kind = InstructionAugmentedDataset if use_instruction_augmentation else LLMSummarizationDataset
    return kind(
        dialogues,
        summaries,
        tokenizer,
        encoder_max_len,
        decoder_max_len,
        format_type,
        chat_template=chat_template,
        language=language,
        system=system,
        instruction=instruction,
        names=names,
    )
