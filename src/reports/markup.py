"""HTML by construction: what is not `Html` is escaped, so no text of a run can become markup."""

import html
import re
from collections.abc import Sequence

_HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")


class Html(str):
    """Text that is markup already."""


def markup(text: str | None) -> Html:
    """Return `text` escaped; `Html` passes as it is and None becomes empty."""
    if text is None:
        return Html("")
    return text if isinstance(text, Html) else Html(html.escape(text, quote=True))


def join(*parts: str | None) -> Html:
    """Return the parts one after another, each escaped unless it is `Html`."""
    return Html("".join(markup(part) for part in parts))


def tag(name: str, *children: str | None, **attributes: str | int | None) -> Html:
    """Return one element.

    Args:
        name: The element's name.
        children: Text (escaped) or `Html`; None is left out.
        attributes: `class_` becomes `class`, `aria_label` becomes `aria-label`; those that are None are left out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{written}>{join(*children)}</{name}>")


def code(text: str | None) -> Html | None:
    """Return a name, value, path or command; None where there is none."""
    return tag("code", text) if text else None


def language(text: str) -> str | None:
    """Return `ko` for text with Hangul, so that browsers choose its font and line breaks; else None."""
    return "ko" if _HANGUL.search(text) else None


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str | None]], class_: str) -> Html:
    """Return a table whose first column names its rows.

    Args:
        caption: What the table holds.
        columns: Headings, the first one over the row names.
        rows: Cells, escaped unless `Html`; None is an empty cell.
        class_: `numbers` sets all but the first column flush right in figures of one width, `words` does not.
    """
    head = tag("tr", *(tag("th", name, scope="col") for name in columns))
    body = [tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows]
    return tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body), class_=class_)


def facts(pairs: Sequence[tuple[str, str | None]]) -> Html:
    """Return a list of names and values; pairs without a value are left out."""
    known = [tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs if value]
    return tag("dl", *known, class_="facts") if known else Html("")
