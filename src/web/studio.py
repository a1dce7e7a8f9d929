"""What all pages of a studio share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from ..search.folder import NAMED_SEARCH
from .actions import keep_action
from .pages import render_page
from .place import Place
from .processes import Processes
from .queue_keeper import QueueKeeper
from .waiting import WaitingRuns

T = TypeVar("T")
NAVIGATION: list[tuple[str, str, str]] = [
    ("/data", "Data", "데이터"),
    ("/new", "New run", "새 실행"),
    ("/queue", "Queue", "대기열"),
    ("/compare", "Compare", "비교"),
    ("/vote", "Vote", "투표"),
    ("/settings", "Settings", "설정"),
]
"""Pages that the top of each page leads to: address, and both halves of the name."""


@dataclass
class Studio:
    """A folder of runs, what was started there, and what waits."""

    place: Place
    processes: Processes = field(init=False)
    waiting: WaitingRuns = field(init=False)
    keeper: QueueKeeper = field(init=False)

    def __post_init__(self) -> None:
        """Look after the processes of this place, and its queue."""
        self.processes = Processes(self.place)
        self.waiting = WaitingRuns(self.place)
        self.keeper = QueueKeeper(self.place, self.waiting, self.processes)

    def page(self, request: Request, template: str, status: int = 200, **context: Any) -> Response:
        """Return a page under the navigation."""
        query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
        here = request.url.path + query if request.method == "GET" else "/"
        state = {"who": who_asks(request), "has_login": getattr(request.state, "has_login", False)}
        return render_page(request, template, status, navigation=NAVIGATION, here=here, **state, **context)


def who_asks(request: Request) -> str | None:
    """Return the name of who asks; None before someone has logged in."""
    return getattr(request.state, "who", None)


async def keep(studio: Studio, request: Request, did: str, about: str = "") -> None:
    """Write down what someone has done (see `ACTIONS`)."""
    await apart(keep_action, studio.place, who_asks(request), did, about)


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


def work_address(name: str) -> str:
    """Return the address of what is under way under a name: a search's page or a run's."""
    return search_address(name) if name.endswith(NAMED_SEARCH) else run_address(name)
