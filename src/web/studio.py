"""What all pages of a studio share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from .pages import render_page
from .place import Place
from .processes import Processes

T = TypeVar("T")
NAVIGATION: list[tuple[str, str, str]] = [
    ("/data", "Data", "데이터"),
    ("/new", "New run", "새 실행"),
    ("/compare", "Compare", "비교"),
    ("/vote", "Vote", "투표"),
    ("/settings", "Settings", "설정"),
]
"""Pages that the top of each page leads to: address, and both halves of the name."""


@dataclass
class Studio:
    """A folder of runs and what was started there."""

    place: Place
    processes: Processes = field(init=False)

    def __post_init__(self) -> None:
        """Look after the processes of this place."""
        self.processes = Processes(self.place)

    def page(self, request: Request, template: str, status: int = 200, **context: Any) -> Response:
        """Return a page under the navigation."""
        query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
        here = request.url.path + query if request.method == "GET" else "/"
        return render_page(request, template, status, navigation=NAVIGATION, here=here, **context)


async def apart(function: Callable[..., T], *arguments: Any) -> T:
    """Return what a function returns that reads files or computes, without keeping other pages waiting."""
    return await asyncio.to_thread(function, *arguments)


def see(address: str) -> Response:
    """Return an answer that leads to another page."""
    return RedirectResponse(address, 303)


def search_address(name: str) -> str:
    """Return the address of a search's page."""
    return f"/searches/{quote(name, safe='')}"


def run_address(name: str) -> str:
    """Return the address of a run's page."""
    return f"/runs/{quote(name, safe='')}"
