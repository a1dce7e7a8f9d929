"""Requests and responses: OpenAI's chat completions as far as one prompt needs them, and plain summaries."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from ..data.files.turn_lists import NotTurnsError, text_of_turns
from ..errors import nearest

# Settings of chat completions that this server does not carry out, each with the values that change nothing.
_WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "stop": ("", []),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
}

# Those that say something about the caller, and nothing about the summary.
_ABOUT_THE_CALLER = ("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key")


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    model: Annotated[str | None, Field(max_length=256, description="As `/v1/models` names it.")] = None
    max_tokens: Annotated[int | None, Field(ge=1, description="By default the model's own limit.")] = None
    temperature: Annotated[float | None, Field(ge=0, le=2, description="0 takes the most likely token.")] = None
    top_p: Annotated[float | None, Field(ge=0, le=1)] = None
    seed: Annotated[int | None, Field(ge=-(2**63), lt=2**63)] = None
    truncate: Annotated[
        bool | None, Field(description="Leave out turns from the middle of a dialogue that is too long.")
    ] = None


class TextPart(BaseModel):
    """A part of a message's content."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """A chat message."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Annotated[list[TextPart], Field(max_length=64)]
    name: Annotated[str | None, Field(max_length=256)] = None

    @property
    def text(self) -> str:
        """Return the content as one text."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    """What a stream holds besides text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    include_usage: bool = False
    include_obfuscation: bool = False


class ChatRequest(_Request):
    """A body of `/v1/chat/completions`."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=64)]
    max_completion_tokens: Annotated[int | None, Field(ge=1)] = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @model_validator(mode="before")
    @classmethod
    def _drop_what_changes_nothing(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        rest = {name: value for name, value in data.items() if name not in _ABOUT_THE_CALLER}
        for name, allowed in _WITHOUT_EFFECT.items():
            value = rest.pop(name, None)
            if value is not None and value not in allowed:
                raise ValueError(f"{name}: this server does not carry it out; leave it out")
        return rest


def _lines(value: Any) -> Any:
    """Return a list of turns as files give it, one line a turn; a text stays as it is, though it spells a list."""
    try:
        return value if isinstance(value, str) else text_of_turns(value, is_dialogue=True)
    except NotTurnsError as error:
        raise ValueError(f"{error}; send a text or a list of turns, each with a speaker and a text") from None


_Dialogue = Annotated[str, BeforeValidator(_lines)]


class SummaryRequest(_Request):
    """A body of `/v1/summaries`: one dialogue or several, each a text or a list of turns."""

    dialogue: _Dialogue | None = None
    dialogues: Annotated[list[_Dialogue] | None, Field(min_length=1, max_length=1024)] = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "SummaryRequest":
        if (self.dialogue is None) == (self.dialogues is None):
            raise ValueError("send either dialogue (a text or a list of turns) or dialogues (a list of these)")
        return self


class Summary(BaseModel):
    """A summary."""

    summary: str
    ended: Annotated[bool, Field(description="False where it ran into its limit of tokens.")]
    prompt_tokens: int
    completion_tokens: int
    turns_cut: Annotated[int, Field(description="Turns of the dialogue that were left out.")]
    tokens_cut: int
    reasoning_removed: Annotated[
        bool, Field(description="There and true where the model wrote reasoning in tags (<think>), which was left out.")
    ] = False

    @model_serializer(mode="wrap")
    def _say_what_happened(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = written(self)
        if not self.reasoning_removed:
            fields.pop("reasoning_removed", None)
        return fields


class SummaryResponse(Summary):
    """The answer to one dialogue."""

    model: str


class SummariesResponse(BaseModel):
    """The answer to several dialogues, in their order."""

    model: str
    summaries: list[Summary]


def sentence_of(errors: list[Any], known: list[str]) -> tuple[str, str | None]:
    """Return pydantic's first error as a sentence without what was sent, and the field that it is about."""
    first = errors[0]
    place = ""
    for part in first["loc"]:
        if isinstance(part, int):
            place += f"[{part}]"
        elif part not in ("str", "list[TextPart]") and not str(part).startswith("list["):
            place += f".{part}" if place else str(part)
    place = place[:100]
    if first["type"] == "extra_forbidden":
        return f"{place}: unknown field{nearest(place, known)}", place
    message = str(first["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return (f"{place}: {message}" if place else message), place or None
