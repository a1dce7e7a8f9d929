"""From a request to the training prompt: which text is the dialogue, and its token ids."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..config.schema import Config
from ..data.chats.exports import read_chat
from ..data.prompt.plain_text import plain_text
from ..data.prompt.prompts import instruction_text, system_text
from ..data.prompt.templates import PromptTemplate
from ..data.prompt.truncation import TruncationCounts
from .errors import ApiError
from .limits import RequestLimits
from .schemas import Message


@dataclass(frozen=True)
class EncodedDialogue:
    """A prompt's token ids, and what of the dialogue was left out to make it fit."""

    ids: list[int]
    turns_cut: int
    tokens_cut: int


class DialogueReader:
    """Makes the training prompt, id for id, of what clients send; safe to use from several threads."""

    def __init__(self, template: PromptTemplate, config: Config, limits: RequestLimits) -> None:
        self.template, self._limits = template, limits
        is_chat = config.dataset.format_type == "chat"
        self.system = system_text(config) if is_chat else ""
        self._sentence = instruction_text(config)
        self._dialogue_format = config.data.dialogue_format
        self._headings = None if is_chat else (template.lead.strip(), template.trail.strip())

    def dialogue_of(self, messages: Sequence[Message]) -> str:
        """Return the dialogue of a chat: the content of its one user message, without the instruction if it has it.

        Raises:
            ApiError: 422 where the messages say something that the training prompt does not.
        """
        system = [index for index, message in enumerate(messages) if message.role in ("system", "developer")]
        user = [index for index, message in enumerate(messages) if message.role == "user"]
        for index, message in enumerate(messages):
            if index not in (*system[:1], *user[:1]) or (index in system and index > 0):
                said = (
                    f"messages[{index}]: this model summarizes one dialogue; send it as the only user message, "
                    f"after at most one system message (here the role is {message.role})"
                )
                raise ApiError(422, said, "unsupported_messages", "messages")
        if system and plain_text(messages[system[0]].text) not in ("", self.system):
            trained = f"which is {self.system!r}" if self.system else "and it was trained with none"
            said = (
                f"messages[0]: the system message is not the one that the model was trained with, {trained}; "
                "leave it out, the server adds what belongs there"
            )
            raise ApiError(422, said, "unsupported_system_message", "messages")
        if not user:
            raise ApiError(422, "messages: no user message, which holds the dialogue", "no_dialogue", "messages")
        return self._without_instruction(messages[user[0]].text)

    def _without_instruction(self, content: str) -> str:
        """Return the dialogue of a content that may be the whole prompt text already."""
        text = plain_text(content)
        if self._headings and text.startswith(self._headings[0]):
            before, after = self._headings
            return text.removeprefix(before).strip().removesuffix(after).strip()
        if self.template.folds_system and text.startswith(f"{self.system}\n\n{self._sentence}"):
            text = text.removeprefix(self.system).strip()
        rest = text.removeprefix(self._sentence)
        return rest.strip() if len(rest) < len(text) and (not rest or rest[0].isspace()) else text

    def encode(self, dialogue: str, truncate: bool, param: str) -> EncodedDialogue:
        """Return the prompt of a dialogue: one turn a line, or the export of a chat or a meeting, read as in files.

        `truncate` leaves out turns from the middle of one that is too long, as training does; else it is refused.
        `param` is its place in the request, for refusals.

        Raises:
            ApiError: 422 for a dialogue that is empty or too long.
        """
        chat = read_chat(plain_text(dialogue), self._dialogue_format)
        if chat is not None:
            dialogue = chat.text
            if chat.looks_like_export:
                logging.getLogger("yoyak").warning("A request's dialogue looks like an export and is taken as it is")
        most = self.template.encoder_max_len
        most_chars = self._limits.chars_a_token * most
        if not dialogue.strip():
            raise ApiError(422, f"{param}: the dialogue is empty", "no_dialogue", param)
        if len(dialogue) > most_chars:
            said = f"{param}: the dialogue has {len(dialogue)} characters, this server takes {most_chars}"
            raise ApiError(422, said, "dialogue_too_long", param)
        if not truncate and (length := self.template.prompt_lengths([dialogue])[0]) > most:
            said = (
                f"{param}: the prompt has {length} tokens, this model takes {most}; shorten the dialogue, or send "
                '"truncate": true to leave out turns from its middle'
            )
            raise ApiError(422, said, "dialogue_too_long", param)
        template = replace(self.template, counts=TruncationCounts())
        ids = template.encode_prompt(dialogue)
        return EncodedDialogue(ids, template.counts.turns_cut, template.counts.tokens_cut)
