"""The frame of every page: one HTML file that needs no other file and asks no host for anything."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from ..bilingual import Text
from ..errors import YoyakError
from ..files import write_atomic
from .markup import Html, join, tag

_STYLE = Path(__file__).with_name("report.css")
_SCRIPT = Path(__file__).with_name("language.js")
Part = tuple[str, str, Html]
"""A section's id, its title and its content."""


def document(
    title: str, header: Html, lead: Html | None, parts: Sequence[Part], footer: Sequence[str], style: str = ""
) -> str:
    """Return a whole page in English and Korean, of which the reader's is shown; English where no scripts run.

    From the top: header, list of the sections, lead, sections (empty ones are left out), lines of the footer. `style`
    holds CSS rules of this page's own.
    """
    shown = [part for part in parts if part[2]]
    body = join(
        header,
        _contents(shown),
        tag("main", lead, *(_section(*part) for part in shown)),
        tag("footer", *(tag("p", line) for line in footer)),
    )
    script = _SCRIPT.read_text(encoding="utf-8")
    whole = tag("body", _SWITCH, body, Html(f"<script>{script}</script>"))
    page = tag("html", _head(title, script, style), whole, lang="en")
    return f"<!doctype html>\n{page}\n"


def write_page(path: Path, page: str) -> None:
    """Write a page whole or not at all.

    Raises:
        YoyakError: The page cannot be written.
    """
    try:
        write_atomic(path, page)
    except OSError as error:
        raise YoyakError(f"{path}: cannot be written: {error.strerror}; free the place and run again") from error


# Hidden until the script runs: without it there is nothing to switch.
_SWITCH = Html(
    '<div class="switch" role="region" aria-label="Language" data-ko-aria-label="언어" hidden>'
    '<button type="button" data-language="en" lang="en" translate="no">English</button>'
    '<button type="button" data-language="ko" lang="ko" translate="no">한국어</button></div>'
)


def _head(title: str, script: str, style: str) -> Html:
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"
    return join(
        Html('<head><meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'),
        tag("title", title),
        Html(f"<style>\n{_STYLE.read_text(encoding='utf-8')}{style}</style></head>\n"),
    )


def _contents(parts: Sequence[Part]) -> Html:
    if len(parts) < 2:
        return Html("")
    links = [tag("li", tag("a", title, href=f"#{part_id}")) for part_id, title, _ in parts]
    return tag("nav", tag("ul", *links), aria_label=Text("Sections", "목차"))


def _section(part_id: str, title: str, body: Html) -> Html:
    heading_id = f"{part_id}-heading"
    return join(
        Html("\n"),
        tag("section", tag("h2", title, id=heading_id), body, id=part_id, aria_labelledby=heading_id, class_="part"),
    )
