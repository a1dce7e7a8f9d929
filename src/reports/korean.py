"""The pages' interface in Korean: what a page says in English, and what it says instead.

A phrase is translated whole, or by the rules for sentences with figures in them. What comes from a run (dialogues,
summaries, names, settings) is marked `translate="no"` or set as code, and stays as it is.
"""

from html.parser import HTMLParser

from .korean_phrases import PHRASES, RULES

_VOID = {"meta", "link", "br", "hr", "img", "input"}


def translations(markup: str) -> dict[str, str]:
    """Return each interface text of a page for which there is a Korean one, with that one."""
    found = {text: korean(text) for text in interface_texts(markup)}
    return {text: translated for text, translated in found.items() if translated != text}


def korean(text: str) -> str:
    """Return an interface text in Korean; as it is where nothing is known for it."""
    if text in PHRASES:
        return PHRASES[text]
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return text


def interface_texts(markup: str) -> list[str]:
    """Return the texts and labels of a page that are yoyak's own words, each once, in their order."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return list(dict.fromkeys(reader.texts))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._open: list[bool] = [False]  # whether each open element's text stays as it is

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        label = attributes.get("aria-label")
        if label:
            self.texts.append(label.strip())
        if tag not in _VOID:
            kept = tag in ("code", "script", "style") or attributes.get("translate") == "no"
            self._open.append(self._open[-1] or kept)

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if not self._open[-1] and data.strip():
            self.texts.append(data.strip())
