"""Reasoning ("thinking"): how chat templates switch it off, and the tags around it in what a model writes."""

import re

from ...bilingual import count

THINKING_OFF: dict[str, object] = {
    "enable_thinking": False,  # Qwen3, Qwen3.5, SmolLM3, EXAONE 4, GLM 4.5
    "thinking": False,  # Granite 3.2, DeepSeek V3.1
    "skip_reasoning": True,  # HyperCLOVA X Think
    "force_reasoning": False,
}
"""Variables that switch reasoning off, in one template or another; templates ignore those that they don't know."""

_TAGS = "think|thinking|thought|reasoning|seed:think"
TAGS = tuple(f"<{slash}{name}>" for name in _TAGS.split("|") for slash in ("", "/"))
"""Tags that models put around their reasoning."""

EMPTY_BLOCK = re.compile(rf"<({_TAGS})>\s*</\1>\s*\Z")
"""Reasoning that has ended before it began, at the end of a prompt: the answer comes next."""

_BLOCK = re.compile(rf"<({_TAGS})>.*?(?:</\1>|\Z)", re.DOTALL)
_UP_TO_CLOSING = re.compile(rf"\A.*</(?:{_TAGS})>", re.DOTALL)  # where the prompt had opened it
_ANY = re.compile(rf"</?(?:{_TAGS})>")

_ONE = {"summaries": "summary", "references": "reference"}


def without_reasoning(text: str) -> tuple[str, bool]:
    """Return what a model wrote beside its reasoning, stripped, and whether there was any; else the text as it is."""
    if not _ANY.search(text):
        return text, False
    return _UP_TO_CLOSING.sub("", _BLOCK.sub("", text)).strip(), True


def reasoning_note(number: int, what: str = "summaries") -> str:
    """Return in words that reasoning was left out of so many texts, `what` they are being said of several."""
    return f"{count(number, _ONE.get(what, what), what)} held reasoning in tags such as <think>, which was left out"
