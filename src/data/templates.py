"""Prompts and examples as token ids: the one place where a dialogue becomes what the model reads.

Training, evaluation and generation all use `PromptTemplate`, so the prompt is the same, id for id. Control tokens are
inserted by id; text is encoded by a copy of the tokenizer that knows no control tokens, so `<|eot_id|>` inside a
dialogue stays text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from ..errors import YoyakError, nearest
from ..models.families import FAMILIES, Family, family_of_tokenizer
from .own_template import PromptPieces, empty_reasoning_ids, own_template_pieces
from .plain_text import plain_text
from .prompts import PROMPT_TEXTS
from .text_encoder import TextEncoder, text_encoder
from .truncation import TruncationCounts, shorten_dialogue

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

IGNORE = -100
"""The label of tokens that carry no loss."""


@dataclass(frozen=True)
class EncodedExample:
    """Ids and labels of one example, both of length n; labels are `IGNORE` exactly on the first `prompt_length`."""

    input_ids: list[int]
    prompt_length: int

    @property
    def labels(self) -> list[int]:
        """Return the ids of summary and end token, with `IGNORE` on the prompt."""
        return [IGNORE] * self.prompt_length + self.input_ids[self.prompt_length :]


@dataclass(frozen=True)
class PromptTemplate:
    """A prompt with a place for the dialogue: `head_ids`, then the ids of `lead + dialogue + trail`, then `tail_ids`.

    A summary is followed by `end_id`, the last token of an example, which ends a generation.

    Attributes:
        answer_lead: white space that the layout puts before a summary; it belongs to the summary's first token.
        answer_trail: white space that the layout puts between a summary and its end token.
        folds_system: whether the system text is part of `lead`, since the layout takes no system message.
    """

    encoder: TextEncoder
    head_ids: list[int]
    lead: str
    trail: str
    tail_ids: list[int]
    end_id: int
    encoder_max_len: int
    decoder_max_len: int
    answer_lead: str = ""
    answer_trail: str = ""
    folds_system: bool = False
    counts: TruncationCounts = field(default_factory=TruncationCounts)

    def __post_init__(self) -> None:
        """Raise YoyakError where the template alone leaves no room for a dialogue."""
        fixed = len(self._prompt_ids(""))
        if fixed >= self.encoder_max_len:
            raise YoyakError(
                f"tokenizer.encoder_max_len = {self.encoder_max_len}: the prompt's own text takes {fixed} tokens, "
                f"which leaves none for a dialogue; use {fixed + 128} or more"
            )

    @property
    def note(self) -> str | None:
        """Return what was done to fit the texts into the layout, in words, where anything was."""
        if not self.folds_system:
            return None
        return "The model's chat template takes no system message: dataset.system stands at the start of the user's"

    def _prompt_ids(self, dialogue: str) -> list[int]:
        return self.head_ids + self.encoder.encode(self.lead + dialogue + self.trail) + self.tail_ids

    def prompt_lengths(self, dialogues: Sequence[str]) -> list[int]:
        """Return the number of tokens of each dialogue's whole prompt, before anything is cut."""
        fixed = len(self.head_ids) + len(self.tail_ids)
        texts = [self.lead + plain_text(dialogue) + self.trail for dialogue in dialogues]
        return [fixed + len(ids) for ids in self.encoder.encode_batch(texts)]

    def encode_prompt(self, dialogue: str) -> list[int]:
        """Return the ids of the prompt, at most `encoder_max_len`; only the dialogue is ever shortened."""
        return self.encode_prompts([dialogue])[0]

    def encode_prompts(self, dialogues: Sequence[str]) -> list[list[int]]:
        """Return the prompts of many dialogues; what is cut is added to `counts`."""
        stripped = [plain_text(dialogue) for dialogue in dialogues]
        bodies = self.encoder.encode_batch([self.lead + dialogue + self.trail for dialogue in stripped])
        prompts = [self.head_ids + body + self.tail_ids for body in bodies]
        self.counts.examples += len(prompts)
        for index, prompt in enumerate(prompts):
            if len(prompt) > self.encoder_max_len:
                prompts[index] = self._shortened(stripped[index], len(prompt))
        return prompts

    def _shortened(self, dialogue: str, length: int) -> list[int]:
        budget = self.encoder_max_len - len(self._prompt_ids(""))
        while True:
            shorter, turns_cut = shorten_dialogue(dialogue, budget, self.encoder.token_ends)
            prompt = self._prompt_ids(shorter.strip())
            if len(prompt) <= self.encoder_max_len:
                break
            # Tokens that join across turns are rare; the next try has as much less room as this one took too much.
            budget -= len(prompt) - self.encoder_max_len
        self.counts.prompts_cut += 1
        self.counts.turns_cut += turns_cut
        self.counts.tokens_cut += length - len(prompt)
        return prompt

    def encode_example(self, dialogue: str, summary: str) -> EncodedExample:
        """Return prompt, summary and end token as ids with their labels."""
        return self.encode_examples([dialogue], [summary])[0]

    def encode_examples(self, dialogues: Sequence[str], summaries: Sequence[str]) -> list[EncodedExample]:
        """Return many examples; the summary is kept whole, one longer than `decoder_max_len` is counted."""
        prompts = self.encode_prompts(dialogues)
        responses = self.encoder.encode_batch(
            [self.answer_lead + plain_text(summary) + self.answer_trail for summary in summaries]
        )
        self.counts.long_summaries += sum(len(ids) > self.decoder_max_len for ids in responses)
        return [
            EncodedExample([*prompt, *response, self.end_id], len(prompt))
            for prompt, response in zip(prompts, responses, strict=True)
        ]


def create_prompt_template(
    tokenizer: "PreTrainedTokenizerFast",
    *,
    encoder_max_len: int = 1024,
    decoder_max_len: int = 200,
    format_type: Literal["instruction", "chat"] = "instruction",
    chat_template: Literal["llama", "qwen", "auto"] | None = None,
    language: Literal["ko", "en"] = "ko",
    system: str | None = None,
    instruction: str | None = None,
    encoder: TextEncoder | None = None,
) -> PromptTemplate:
    """Build the prompt of one format, layout and language.

    Args:
        tokenizer: a fast tokenizer.
        encoder_max_len: longest prompt in tokens.
        decoder_max_len: longest summary in tokens that is not counted as long.
        format_type: `instruction` (headings) or `chat` (messages).
        chat_template: `llama`, `qwen`, `auto` (the tokenizer's own template); None takes the family whose control
            tokens the tokenizer has.
        language: of the prompt's own texts.
        system: system message instead of the language's; an empty one leaves the message out.
        instruction: the sentence before the dialogue instead of the language's.
        encoder: of `tokenizer`, where one is there already (making one takes a second for large vocabularies).

    Raises:
        YoyakError: the layout needs control tokens that the tokenizer lacks, `encoder_max_len` is too small, or a
            choice is none of those above.
    """
    _refuse_unknown("format_type", format_type, ["instruction", "chat"])
    _refuse_unknown("chat_template", chat_template or "auto", [*FAMILIES, "auto"])
    _refuse_unknown("language", language, list(PROMPT_TEXTS))
    texts = PROMPT_TEXTS[language]
    encoder = encoder or text_encoder(tokenizer)
    system = plain_text(texts.system if system is None else system)
    family = family_of_tokenizer(tokenizer)
    if format_type == "instruction":
        pieces = _instruction_pieces(tokenizer, family, plain_text(instruction or texts.instruction))
    else:
        sentence = plain_text(instruction or texts.chat_sentence)
        if chat_template == "auto" and (tokenizer.chat_template or family is None):
            pieces = own_template_pieces(tokenizer, encoder, system, sentence)
            bos = bos_ids(tokenizer, family)
            if pieces.head_ids[: len(bos)] != bos:  # some templates leave it to the tokenizer
                pieces = replace(pieces, head_ids=[*bos, *pieces.head_ids])
        elif chat_template is not None and chat_template != "auto":
            pieces = _family_pieces(tokenizer, encoder, FAMILIES[chat_template], system, sentence)
        elif family is not None:
            pieces = _family_pieces(tokenizer, encoder, family, system, sentence)
        else:
            raise YoyakError(
                "the tokenizer has neither Llama's nor ChatML's control tokens; use dataset.format_type=instruction "
                "or load it with LoRALoader, which adds them"
            )
    return PromptTemplate(encoder, **vars(pieces), encoder_max_len=encoder_max_len, decoder_max_len=decoder_max_len)


def _refuse_unknown(argument: str, value: str, known: list[str]) -> None:
    if value not in known:
        raise YoyakError(f"{argument}={value!r} is unknown{nearest(value, known)}; there are: {', '.join(known)}")


def _instruction_pieces(tokenizer: "PreTrainedTokenizerFast", family: Family | None, instruction: str) -> PromptPieces:
    head = bos_ids(tokenizer, family)
    end_id = tokenizer.eos_token_id
    if family is not None and (end_id is None or end_id == tokenizer.pad_token_id):
        end_id = tokenizer.convert_tokens_to_ids(family.end_of_turn)
    if end_id is None:
        raise YoyakError("the tokenizer has no end-of-sequence token, so a summary could not end; set its eos_token")
    lead = f"### Instruction:\n{instruction}\n\n### Input:\n"
    return PromptPieces(head, lead, "\n\n### Response:\n", [], int(end_id))


def bos_ids(tokenizer: "PreTrainedTokenizerFast", family: Family | None) -> list[int]:
    """Return the ids that start a text: one BOS where the family (or the tokenizer itself) has one, else none."""
    if family is not None and family.bos is None:
        return []
    known = tokenizer.backend_tokenizer.token_to_id(family.bos) if family is not None else None
    if known is not None:
        return [int(known)]
    # Of no known family, or given its control tokens later: what the tokenizer itself puts before an empty text.
    bos = tokenizer.bos_token_id
    return [bos] if bos is not None and tokenizer("").input_ids[:1] == [bos] else []


def _control_id(tokenizer: "PreTrainedTokenizerFast", token: str) -> int:
    token_id = tokenizer.backend_tokenizer.token_to_id(token)
    if token_id is None:
        raise YoyakError(
            f"the tokenizer has no token {token}, which this chat layout needs; check model.chat_template, "
            "or load it with LoRALoader, which adds it"
        )
    return int(token_id)


def _family_pieces(
    tokenizer: "PreTrainedTokenizerFast", encoder: TextEncoder, family: Family, system: str, sentence: str
) -> PromptPieces:
    ids = {token: _control_id(tokenizer, token) for token in family.control_tokens}
    end = ids[family.end_of_turn]
    answered_at_once = empty_reasoning_ids(tokenizer, encoder)
    if family.name == "llama":
        start, stop = ids["<|start_header_id|>"], ids["<|end_header_id|>"]

        def header(role: str) -> list[int]:
            return [start, *encoder.encode(role), stop]

        opening = [*header("system"), *encoder.encode("\n\n" + system), end] if system else []
        head = [*bos_ids(tokenizer, family), *opening, *header("user")]
        tail = [end, *header("assistant"), *encoder.encode("\n\n"), *answered_at_once]
        return PromptPieces(head, f"\n\n{sentence}\n", "", tail, end)
    start = ids["<|im_start|>"]
    newline = encoder.encode("\n")
    opening = [start, *encoder.encode("system\n" + system), end, *newline] if system else []
    head = [*opening, start]
    tail = [end, *newline, start, *encoder.encode("assistant\n"), *answered_at_once]
    return PromptPieces(head, f"user\n{sentence}\n", "", tail, end)
