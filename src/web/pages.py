"""Pages from templates: escaped by default, in the reader's language."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .. import __version__
from ..bilingual import count
from ..reports import wording
from ..reports.markup import Html
from .language import LANGUAGE_COOKIE, PageLanguage, language_of, pair_chooser, sayer

_FOLDER = Path(__file__).parent
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {
    "decimal": wording.decimal,
    "duration": wording.duration,
    "gibibytes": wording.gibibytes,
    "moment": wording.moment,
    "markup": lambda html: Markup(html) if isinstance(html, Html) else html,  # nosec B704 - Html is escaped by construction
}


def request_language(request: Request) -> PageLanguage:
    """Return the language in which a request is answered."""
    return language_of(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))


def render_page(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """Return a page; templates have `t` (two halves), `say` (a text), `counted` (a noun) and `path` besides."""
    language = request_language(request)
    page = _ENVIRONMENT.get_template(template).render(
        context,
        t=pair_chooser(language),
        counted=count,
        say=sayer(language),
        language=language,
        path=request.url.path,
        version=__version__,
    )
    return HTMLResponse(page.encode("utf-8", "replace"), status)


def own_address(address: str) -> str:
    """Return an address of the studio's own: what could lead elsewhere becomes the first page."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    is_own = not parts.scheme and not parts.netloc and address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_own and address.isascii() and address.isprintable() else "/"
