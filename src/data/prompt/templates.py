"""Prompts and examples as token ids: the one place where a dialogue becomes what the model reads.

Training, evaluation and generation all use `PromptTemplate`, so the prompt is the same, id for id. Control tokens are
inserted by id; text is encoded by a copy of the tokenizer that knows no control tokens, so `<|eot_id|>` inside a
dialogue stays text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from ...architectures import CHAT_LAYOUTS, ChatTemplate
from ...config.schema import Config
from ...errors import YoyakError, nearest
from .layouts import bos_ids, chat_pieces, instruction_pieces, layout_of
from .own_template import own_template_pieces
from .plain_text import plain_text
from .prompt_pieces import IGNORE as IGNORE
from .prompt_pieces import EncodedExample as EncodedExample
from .prompt_pieces import PromptPieces, merge_texts, parts_text, stable_prefix
from .prompts import PROMPT_TEXTS, own_texts, prompt_arguments, refuse_no_room
from .round_trip import PROBES, UnfitTokenizerError, own_encoding
from .text_encoder import TextEncoder, text_encoder
from .truncation import TruncationCounts, shorten_dialogue

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class PromptTemplate:
    """A prompt with a place for the dialogue: `head_ids`, then the ids of `lead + dialogue + trail`, then `tail_ids`.

    A summary is followed by `end_id`, the last token of an example, which ends a generation.

    Attributes:
        answer_lead: white space that the layout puts before a summary; it belongs to the summary's first token.
        answer_trail: white space that the layout puts between a summary and its end token.
        answer_context: the prompt's last text, behind which a summary has its ids.
        before: the prompt's text before a dialogue, control tokens written out.
        after: the prompt's text behind a dialogue.
        is_start: whether `lead` is the first text of all.
        folds_system: whether the system text is part of `lead`, since the layout takes no system message.
        drops_system: whether a system text was given that the format has no place for.
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
    answer_context: str = ""
    before: str = ""
    after: str = ""
    is_start: bool = False
    folds_system: bool = False
    drops_system: bool = False
    counts: TruncationCounts = field(default_factory=TruncationCounts)

    def __post_init__(self) -> None:
        """Raise YoyakError where the template alone leaves no room for a dialogue."""
        refuse_no_room(self.encoder_max_len, self.own_tokens)

    @property
    def own_tokens(self) -> int:
        """Return the tokens of the prompt without a dialogue."""
        return len(self.prompt_ids(""))

    def record(self) -> dict[str, object]:
        """Return the parts that are the same in each example, for a run's record."""
        names = ("before", "after", "end_id", "answer_lead", "answer_trail")
        return {name: getattr(self, name) for name in names}

    @property
    def note(self) -> str | None:
        """Return what was done to fit the texts into the layout, in words, where anything was."""
        if self.drops_system:
            return "The instruction format has no system message: dataset.system is without effect"
        if not self.folds_system:
            return None
        return "The model's chat template takes no system message: dataset.system stands at the start of the user's"

    def prompt_ids(self, dialogue: str) -> list[int]:
        """Return the ids of the prompt of a stripped dialogue, however long; nothing is counted."""
        return self._prompts([dialogue])[0]

    def _prompts(self, dialogues: Sequence[str]) -> list[list[int]]:
        bodies = self.encoder.encode_batch([self.lead + text + self.trail for text in dialogues], self.is_start)
        return [self.head_ids + body + self.tail_ids for body in bodies]

    def _responses(self, summaries: Sequence[str]) -> list[list[int]]:
        texts = [self.answer_lead + plain_text(summary) + self.answer_trail for summary in summaries]
        return self.encoder.encode_behind(self.answer_context, texts)

    def prompt_lengths(self, dialogues: Sequence[str]) -> list[int]:
        """Return the number of tokens of each dialogue's whole prompt, before anything is cut."""
        return [len(ids) for ids in self._prompts([plain_text(dialogue) for dialogue in dialogues])]

    def response_lengths(self, summaries: Sequence[str]) -> list[int]:
        """Return the number of tokens of each summary with its end token."""
        return [len(ids) + 1 for ids in self._responses(summaries)]

    def encode_prompt(self, dialogue: str) -> list[int]:
        """Return the ids of the prompt, at most `encoder_max_len`; only the dialogue is ever shortened."""
        return self.encode_prompts([dialogue])[0]

    def encode_prompts(self, dialogues: Sequence[str]) -> list[list[int]]:
        """Return the prompts of many dialogues; what is cut is added to `counts`."""
        stripped = [plain_text(dialogue) for dialogue in dialogues]
        prompts = self._prompts(stripped)
        self.counts.examples += len(prompts)
        for index, prompt in enumerate(prompts):
            if len(prompt) > self.encoder_max_len:
                prompts[index] = self._shortened(stripped[index], len(prompt))
        return prompts

    def _shortened(self, dialogue: str, length: int) -> list[int]:
        budget = self.encoder_max_len - self.own_tokens
        while True:
            shorter, turns_cut = shorten_dialogue(dialogue, budget, self.encoder.token_ends)
            prompt = self.prompt_ids(shorter.strip())
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
        responses = self._responses(summaries)
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
    chat_template: ChatTemplate | None = None,
    language: Literal["ko", "en"] = "ko",
    system: str | None = None,
    instruction: str | None = None,
    encoder: TextEncoder | None = None,
    empty_block: bool = True,
) -> PromptTemplate:
    """Build the prompt of one format, layout and language.

    Args:
        tokenizer: a fast tokenizer.
        encoder_max_len: longest prompt in tokens.
        decoder_max_len: longest summary in tokens that is not counted as long.
        format_type: `instruction` (headings) or `chat` (messages).
        chat_template: a layout's name, or `auto` (the tokenizer's own template); None takes the layout whose
            control tokens the tokenizer has.
        language: of the prompt's own texts.
        system: system message instead of the language's; an empty one leaves the message out.
        instruction: the sentence before the dialogue instead of the language's.
        encoder: of `tokenizer`, where one is there already (making one takes a second for large vocabularies).
        empty_block: in a named layout, the empty reasoning block of hybrid models; models that an older version
            trained know none.

    Raises:
        YoyakError: the layout needs control tokens that the tokenizer lacks, `encoder_max_len` is too small, or a
            choice is none of those above.
    """
    _refuse_unknown("format_type", format_type, ["instruction", "chat"])
    _refuse_unknown("chat_template", chat_template or "auto", [*CHAT_LAYOUTS, "auto"])
    _refuse_unknown("language", language, list(PROMPT_TEXTS))
    drops_system = format_type == "instruction" and bool(system)
    system, sentence = own_texts(language, format_type, system, instruction)
    encoder = encoder or text_encoder(tokenizer)
    if format_type == "instruction":
        pieces = instruction_pieces(tokenizer, layout_of(tokenizer), sentence)
    else:
        layout = layout_of(tokenizer, chat_template)
        if chat_template == "auto" and (tokenizer.chat_template or layout is None):
            pieces = own_template_pieces(tokenizer, encoder, system, sentence)
            bos = bos_ids(tokenizer, layout)
            if pieces.head[: len(bos)] != bos:  # some templates leave it to the tokenizer
                pieces = replace(pieces, start_ids=tuple(bos))
        elif layout is not None:
            pieces = chat_pieces(tokenizer, encoder, layout, system, sentence, empty_block)
        else:
            raise YoyakError(
                "the tokenizer has neither Llama's nor ChatML's control tokens; use dataset.format_type=instruction "
                "or load it with LoRALoader, which adds them"
            )
    template = _assembled(tokenizer, encoder, pieces, encoder_max_len, decoder_max_len)
    _refuse_other_ids(template, tokenizer, pieces)
    return replace(template, drops_system=drops_system)


def configured_prompt(config: Config, tokenizer: "PreTrainedTokenizerFast", **others: Any) -> PromptTemplate:
    """Build the prompt that a config describes; `others` are arguments of `create_prompt_template` in place of its."""
    return create_prompt_template(tokenizer, **prompt_arguments(config) | others)


def _refuse_other_ids(template: PromptTemplate, tokenizer: "PreTrainedTokenizerFast", pieces: PromptPieces) -> None:
    """Raise UnfitTokenizerError where an example's ids are not those of its whole text under the tokenizer itself."""
    texts = [part for part in (*pieces.head, pieces.lead, pieces.trail, *pieces.tail) if isinstance(part, str)]
    if any(token in text for token in template.encoder.controls for text in texts):
        return  # the tokenizer would make control tokens of a system text or an instruction
    backend = tokenizer.backend_tokenizer
    before = parts_text(backend, pieces.head) + pieces.lead
    for dialogue, summary in zip(map(plain_text, PROBES), map(plain_text, PROBES[::-1]), strict=True):
        [response] = template._responses([summary])
        ids = [*template.prompt_ids(dialogue), *response, template.end_id]
        answer = template.answer_lead + summary + template.answer_trail + backend.id_to_token(template.end_id)
        text = before + dialogue + template.after + answer
        own = [*pieces.start_ids, *own_encoding(backend, text).ids]
        if ids != own:
            at = next((place for place, pair in enumerate(zip(ids, own, strict=False)) if pair[0] != pair[1]), 0)
            ours, theirs = ([backend.id_to_token(token) for token in row[at : at + 3]] for row in (ids, own))
            raise UnfitTokenizerError(
                f"an example's tokens are not those of its whole text: {ours} where the tokenizer itself has {theirs}; "
                "use another dataset.format_type or model.chat_template, or another checkpoint"
            )


def _assembled(
    tokenizer: "PreTrainedTokenizerFast",
    encoder: TextEncoder,
    pieces: PromptPieces,
    encoder_max_len: int,
    decoder_max_len: int,
) -> PromptTemplate:
    """Return a template of these pieces: texts as ids, each as it is where it stands."""

    def ids(parts: Sequence[int | str], is_start: bool = False) -> list[int]:
        encoded = [
            [part] if isinstance(part, int) else encoder.encode(part, is_start and not place)
            for place, part in enumerate(parts)
        ]
        return [token for part in encoded for token in part]

    backend = tokenizer.backend_tokenizer
    start = parts_text(backend, pieces.start_ids)
    if start and not pieces.head:
        # Written out, a BOS leaves no first text, before which a tokenizer would put a space of its own (Mistral's).
        ids_so_far = [*pieces.start_ids, *encoder.encode(pieces.lead, is_start=True)]
        if (
            own_encoding(backend, f"{start} {pieces.lead}").ids
            == ids_so_far
            != own_encoding(backend, start + pieces.lead).ids
        ):
            start += " "
    trail, tail = pieces.trail, merge_texts(pieces.tail)
    last = tail[-1] if tail else trail
    context, context_ids = stable_prefix(encoder, last) if isinstance(last, str) else ("", [])
    if tail and isinstance(last, str):
        tail = [*tail[:-1], context] if context else tail[:-1]
    elif not tail:
        trail = context
    tail_ids = ids(tail) if not context or not tail else ids(tail[:-1]) + context_ids
    return PromptTemplate(
        encoder,
        [*pieces.start_ids, *ids(pieces.head, is_start=True)],
        pieces.lead,
        trail,
        tail_ids,
        pieces.end_id,
        encoder_max_len=encoder_max_len,
        decoder_max_len=decoder_max_len,
        before=start + parts_text(backend, pieces.head) + pieces.lead,
        after=trail + parts_text(backend, tail),
        is_start=not pieces.head,
        answer_trail=pieces.answer_trail,
        folds_system=pieces.folds_system,
        answer_context=context,
        answer_lead=last.removeprefix(context) if isinstance(last, str) else "",
    )


def _refuse_unknown(argument: str, value: str, known: list[str]) -> None:
    if value not in known:
        raise YoyakError(f"{argument}={value!r} is unknown{nearest(value, known)}; there are: {', '.join(known)}")
