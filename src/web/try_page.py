"""Trying a run's model: a dialogue in, summaries of base and trained model beside each other as they are written."""

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from ..bilingual import Text
from ..runs.read import read_run
from .forms import read_bounded, read_form
from .place import PageError
from .served import TRIED, Served, checked_dialogue, request_examples
from .studio import Studio, apart, keep, run_address, see


def add_try_page(app: FastAPI, studio: Studio, served: Served) -> None:
    """Add `/runs/NAME/try`."""

    @app.get("/runs/{name}/try", response_model=None)
    async def page(request: Request, name: str) -> Response:
        """Show the models, those that are loaded ready for a dialogue."""
        folder = studio.place.run(name)
        context: dict[str, Any] = {"name": name, "tried": TRIED, "example": await apart(_example, studio, name)}
        context["curl"], context["python"] = request_examples(folder)
        context |= {"finished": (folder / "final_model").is_dir(), "states": await _states(name)}
        return studio.page(request, "try.html", **context)

    @app.get("/runs/{name}/try/states", response_model=None)
    async def states(request: Request, name: str) -> Response:
        """Show which models are loaded."""
        studio.place.run(name)
        return studio.page(request, "try_states.html", name=name, tried=TRIED, states=await _states(name))

    @app.post("/runs/{name}/try/{which}/{action}", response_model=None)
    async def act(request: Request, name: str, which: str, action: str) -> Response:
        """Load a model, or let it go."""
        await read_form(request)
        studio.place.run(name)
        if which not in TRIED or action not in ("start", "stop"):
            raise PageError(404, Text("There is no such model.", "그런 모델이 없습니다."))
        if action == "start":
            await apart(served.start, name, which)
            await keep(studio, request, "try", name)
        elif (started := await apart(served.find, name, which)) is not None:
            await apart(studio.processes.stop, started)
        return see(f"{run_address(name)}/try")

    @app.post("/runs/{name}/ask/{which}", response_model=None)
    async def ask(request: Request, name: str, which: str) -> Response:
        """Stream a summary of the dialogue that the body is."""
        studio.place.run(name)
        dialogue = checked_dialogue(await read_bounded(request))
        started = await apart(served.find, name, which) if which in TRIED else None
        if started is None:
            raise PageError(409, Text("This model is not loaded.", "불러오지 않은 모델입니다."))
        return StreamingResponse(served.ask(started, dialogue), media_type="application/x-ndjson")

    async def _states(name: str) -> dict[str, tuple[str, str]]:
        """Return for each model `ready`, `loading`, `off` or `failed`, and the end of what its process printed."""
        found = {}
        for which in TRIED:
            running = await apart(served.find, name, which)
            latest = await apart(studio.processes.latest, name, f"serve-{which}")
            if running is not None:
                found[which] = ("ready" if await served.is_ready(running) else "loading", "")
            else:
                code = studio.processes.exit_code(latest) if latest else None
                failed = code not in (None, 0, -15, 143)
                found[which] = ("failed" if failed else "off", studio.processes.output(latest, 2000) if latest else "")
        return found


def _example(studio: Studio, name: str) -> str:
    rows = read_run(studio.place.run(name)).predictions
    return rows[0].dialogue if rows else "Anna: Shall we go?\nBen: At five."
