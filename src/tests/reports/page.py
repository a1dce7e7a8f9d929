"""A page as its elements and their texts, read by the standard library's HTML parser."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

LANGUAGES = {"en", "ko"}
VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Element:
    """An element with its attributes and all the text inside it."""

    name: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """All elements in document order, as who reads `language` sees them; fails on a tag left open.

    Of a text or attribute that stands in both languages, the other half is left out.
    """

    source: str
    language: str = "en"
    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Parse the source."""
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = []
        self.feed(self.source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the element, one of the other language apart from its text."""
        attributes = dict(attrs)
        if self.language == "ko":
            attributes |= {name[len("data-ko-") :]: value for name, value in attrs if name.startswith("data-ko-")}
        element = Element(tag, attributes)
        if attributes.get("class") not in LANGUAGES:
            self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Check the nesting."""
        assert self._open.pop().name == tag

    def handle_data(self, data: str) -> None:
        """Add the text to all open elements."""
        if any(element.attributes.get("class") in LANGUAGES - {self.language} for element in self._open):
            return
        korean = self._open[-1].attributes.get("data-ko") if self._open and self.language == "ko" else None
        for element in self._open:
            element.text += korean or data

    def all(self, name: str, class_: str | None = None) -> list[Element]:
        """Return the elements of this name, and of this class where one is given."""
        return [
            element
            for element in self.elements
            if element.name == name and (class_ is None or class_ in (element.attributes.get("class") or "").split())
        ]

    def texts(self, name: str, class_: str | None = None) -> list[str]:
        """Return the texts of the elements of this name."""
        return [element.text for element in self.all(name, class_)]
