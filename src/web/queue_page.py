"""The queue: runs that wait for the GPU, their order, and what keeps one from starting."""

from typing import Any

from fastapi import FastAPI, Request, Response

from ..bilingual import Text
from .forms import read_form
from .place import PageError
from .studio import Studio, apart, keep, work_address
from .under_way import runs_under_way

_WAYS = {"up": -1, "down": 1}


def add_queue_page(app: FastAPI, studio: Studio) -> None:
    """Add `/queue` and what changes the order."""

    @app.get("/queue", response_model=None)
    async def queue(request: Request) -> Response:
        """Show what waits."""
        template = "queue_rows.html" if request.headers.get("hx-request") == "true" else "queue.html"
        return studio.page(request, template, **await apart(queue_shown, studio))

    @app.post("/queue/{key}/{way}", response_model=None)
    async def change(request: Request, key: str, way: str) -> Response:
        """Move a run up or down, or take it out."""
        await read_form(request)
        name, said = await apart(_change, studio, key, way)
        await keep(studio, request, "move" if way in _WAYS else "take out", name)
        return studio.page(request, "queue_list.html", **(await apart(queue_shown, studio) | {"notice": said}))


def queue_shown(studio: Studio) -> dict[str, Any]:
    """Return what a list of the queue shows."""
    runs = studio.waiting.all()
    return {
        "waiting": [(one, studio.keeper.refusal(one)) for one in runs],
        "under_way": [(name, work_address(name)) for name in runs_under_way(studio.place, studio.processes)],
        "notice": None,
    }


def _change(studio: Studio, key: str, way: str) -> tuple[str, Text | None]:
    """Return the name of the run that was moved or taken out, and what to say."""
    if way in _WAYS:
        return studio.waiting.move(key, _WAYS[way]).about, None
    if way == "out":
        name = studio.waiting.take_out(key).about
        return name, Text(f"{name} no longer waits.", f"{name} 실행을 대기열에서 뺐습니다.")
    raise PageError(404, Text("There is no such page.", "그런 페이지가 없습니다."))
