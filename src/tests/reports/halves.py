"""The sentences of a page and their halves, as the reader of a language sees and hears them."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from src.tests.reports.page import LANGUAGES, VOID

# What a Korean page may hold in Latin letters: names of files, measures, settings, packages, units and people.
NAMES = re.compile(
    r"[\w./-]+\.(?:csv|jsonl|json|html)|yoyak(?: compare| data stats| search)?|ROUGE(?:-[12L])?|chrF|F1|Porter|JSON|NUL"
    r"|UTC|NaN|CPU|GFLOP/s|PED-ANOVA|#Person1#|\b(?:GiB|MiB|GB|cpu|cuda|fp32|bf16|fp16|id|n|p|word|ascii|morpheme)\b"
    r"|Grusky, Naaman, Artzi|\((?:coverage|density)\)"
)


@dataclass
class Halves(HTMLParser):
    """What stands on a page beside names, values and texts of runs: `seen` by language, and what lacks a half."""

    source: str
    seen: dict[str, list[str]] = field(default_factory=lambda: {"en": [], "ko": []})
    alone: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[dict[str, str | None]] = []
        self._waiting: str | None = None  # an English half whose Korean one must follow
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if attributes.get("class") == "ko":
            self.alone += [] if self._waiting else [f"no English before {self.get_starttag_text()}"]
            self._waiting = None
        if tag not in VOID:
            self._open.append({"tag": tag, **attributes})
        for name in ("aria-label", "title"):
            if (english := attributes.get(name)) and not self._kept:
                self._see(english, {"en"})
                self._see(attributes.get(f"data-ko-{name}") or english, {"ko"})

    def handle_endtag(self, tag: str) -> None:
        closed = self._open.pop()
        if self._waiting and not {closed.get("class"), *(element.get("class") for element in self._open)} & {"en"}:
            self.alone.append(f"no Korean behind {self._waiting!r}")
            self._waiting = None

    def handle_data(self, data: str) -> None:
        if self._kept or not data.strip():
            return
        inside = {element.get("class") for element in self._open} & LANGUAGES
        if inside == {"en"}:
            self._waiting = data
        if korean := self._open[-1].get("data-ko"):
            self._see(data, {"en"})
            self._see(korean, {"ko"})
        else:
            self._see(data, {str(half) for half in inside} or LANGUAGES)

    @property
    def _kept(self) -> bool:
        """Whether what stands here is a name, a value or a run's own text, or a quotation."""
        return any(
            element["tag"] in ("code", "script", "style", "q") or element.get("translate") == "no"
            for element in self._open
        )

    def _see(self, text: str, languages: set[str]) -> None:
        for language in languages:
            self.seen[language].append(text.strip())

    def faults(self) -> list[str]:
        """Return what lacks its other half, is English on the Korean side, or Korean on the English one."""
        english = [text for text in self.seen["ko"] if re.search("[A-Za-z]{2}", NAMES.sub("", text))]
        return self.alone + english + [text for text in self.seen["en"] if re.search("[가-힣]", text)]
