"""HTML by construction: what is not `Html` is escaped, so no text of a run can become markup.

A `Text` becomes both of its halves, of which `report.css` shows one. Where no element can stand (attributes, titles),
the English half stands, and the Korean one in an attribute `data-ko...`, from which `language.js` takes it.
"""

import html
import re
from collections.abc import Sequence

from ..bilingual import Text, joined

_HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
_TEXT_ONLY = ("title", "desc")


class Html(str):
    """Text that is markup already."""


def markup(text: str | None, inline: str = "span") -> Html:
    """Return `text` escaped, a pair in two `inline` elements; `Html` passes as it is and None becomes empty."""
    if text is None:
        return Html("")
    if isinstance(text, Text) and text.ko != text:
        return both(str(text), text.ko, inline)
    return text if isinstance(text, Html) else Html(html.escape(text, quote=True))


def both(english: str, korean: str, inline: str = "span") -> Html:
    """Return text or markup in both languages, each in an element of its own."""
    halves = (("en", english), ("ko", korean))
    return join(*(tag(inline, half, class_=language, lang=language) for language, half in halves))


def join(*parts: str | None) -> Html:
    """Return the parts one after another, each escaped unless it is `Html`."""
    return Html("".join(markup(part) for part in parts))


def tag(name: str, *children: str | None, **attributes: str | int | None) -> Html:
    """Return one element; children are text (escaped) or `Html`, and what is None is left out.

    Of attributes, `class_` becomes `class`, `aria_label` becomes `aria-label`.
    """
    if name in _TEXT_ONLY:
        whole = joined([child for child in children if child], "")
        children, attributes = (str(whole),), attributes | {"data_ko": whole.ko if whole.ko != whole else None}
    written = []
    for key, value in attributes.items():
        attribute = key.rstrip("_").replace("_", "-")
        if value is not None:
            written.append(f' {attribute}="{html.escape(str(value), quote=True)}"')
        if isinstance(value, Text):
            written.append(f' data-ko-{attribute}="{html.escape(value.ko, quote=True)}"')
    inside = "".join(markup(child, "tspan" if name == "text" else "span") for child in children)
    return Html(f"<{name}{''.join(written)}>{inside}</{name}>")


def named(name: str, **attributes: str | None) -> Html:
    """Return a name or text that comes from a run and is the same in all languages."""
    return tag("span", name, translate="no", **attributes)


def code(text: str | None) -> Html | None:
    """Return a name, value, path or command; None where there is none."""
    return tag("code", text) if text else None


def language(text: str) -> str | None:
    """Return `ko` for text with Hangul, so that browsers choose its font and line breaks; else None."""
    return "ko" if _HANGUL.search(text) else None


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str | None]], class_: str) -> Html:
    """Return a table whose first column names its rows; a cell that is None is empty.

    The class `numbers` sets all but the first column flush right in figures of one width, `words` does not.
    """
    head = tag("tr", *(tag("th", name, scope="col") for name in columns))
    body = [tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows]
    return tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body), class_=class_)


def scrolling_table(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[str | None]], class_: str = "numbers"
) -> Html:
    """Return a wide table that scrolls by itself on a narrow screen, by keyboard too."""
    body = table(caption, columns, rows, class_)
    return tag("div", body, class_="scroll", tabindex=0, role="region", aria_label=caption)


def notes(*sentences: str | None) -> Html:
    """Return sentences in small print, a paragraph each; those that are None are left out."""
    return join(*(tag("p", sentence, class_="note") for sentence in sentences if sentence))


def facts(pairs: Sequence[tuple[str, str | None]]) -> Html:
    """Return a list of names and values; pairs without a value are left out."""
    known = [tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs if value]
    return tag("dl", *known, class_="facts") if known else Html("")
