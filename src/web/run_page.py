"""A run's page: its curves and log live, what can be done with it, and the content of its report."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from ..bilingual import Text
from ..config.schema import Config
from ..errors import YoyakError
from ..planner.plan import run_steps
from ..reports.summary import run_facts
from ..runs.record import read_record
from ..runs.schema import RECORD_FILE, RunRecord
from .actions import actions_on, sentences_of
from .curves import follow
from .forms import read_form
from .live_charts import charts_in
from .pages import request_language
from .place import NO_SUCH_RUN, PageError
from .refinings import is_refining, refined_from, refinings_of
from .run_actions import delete_run, resume_run, stop_run
from .run_content import policy_of, report_content, report_page
from .run_events import run_events
from .run_list import RESUMABLE, STATES, state_of
from .starts import form_address, latest_start, refusal_in
from .studio import Studio, apart, keep, who_asks
from .turns import turn_to_go_on, wants_to_wait


def add_run_pages(app: FastAPI, studio: Studio) -> None:
    """Add `/runs/NAME` and what belongs to it."""

    @app.get("/runs/{name}", response_model=None)
    async def run(request: Request, name: str) -> Response:
        """Show a run, or one that begins."""
        if (waits := await apart(_waits, studio, name)) is not None:
            return studio.page(request, "run_waits.html", name=name, **waits)
        begins = await apart(_begins, studio, name)
        if begins is not None:
            return studio.page(request, "run_begins.html", name=name, **begins)
        charts, words = charts_in(request_language(request))
        head = await apart(_head, studio, name)
        return studio.page(request, "run.html", charts=charts, words=words, **head)

    @app.get("/runs/{name}/begins", response_model=None)
    async def begins(request: Request, name: str) -> Response:
        """Show what a run that begins has printed, and lead to its page once it is there."""
        found = await apart(_begins, studio, name)
        if found is None:
            return Response(headers={"HX-Refresh": "true"})
        if not found["running"]:
            return Response(headers={"HX-Refresh": "true"})
        return studio.page(request, "run_begun.html", name=name, **found)

    @app.get("/runs/{name}/waits", response_model=None)
    async def waits(request: Request, name: str) -> Response:
        """Show which place a run has in the queue, and lead to its page once it has begun."""
        found = await apart(_waits, studio, name)
        if found is None:
            return Response(headers={"HX-Refresh": "true"})
        return studio.page(request, "run_waiting.html", name=name, **found)

    @app.get("/runs/{name}/head", response_model=None)
    async def head(request: Request, name: str) -> Response:
        """Show the top of a run's page anew; lead to what it printed where it was refused at its start."""
        if await apart(_was_refused, studio, name):
            return Response(headers={"HX-Refresh": "true"})
        return studio.page(request, "run_head.html", **await apart(_head, studio, name))

    @app.get("/runs/{name}/content", response_model=None)
    async def content(request: Request, name: str) -> Response:
        """Show what the report holds, or lead on as the head does."""
        if await apart(_was_refused, studio, name):
            return Response(headers={"HX-Refresh": "true"})
        parts = await report_content(studio.place.run(name))
        return studio.page(request, "run_content.html", parts=parts)

    @app.get("/runs/{name}/report", response_model=None)
    async def report(name: str) -> Response:
        """Give the report as a page of its own."""
        page = await report_page(studio.place.run(name))
        return HTMLResponse(page, headers={"Content-Security-Policy": policy_of(page)})

    @app.get("/runs/{name}/events", response_model=None)
    async def events(name: str) -> Response:
        """Stream what happens to a run."""
        return StreamingResponse(run_events(studio.place.run(name)), media_type="text/event-stream")


def add_run_actions(app: FastAPI, studio: Studio) -> None:
    """Add what stops, resumes and deletes a run."""

    @app.post("/runs/{name}/stop", response_model=None)
    async def stop(request: Request, name: str) -> Response:
        """Ask a run to save and end."""
        await read_form(request)
        notice = await apart(stop_run, studio, studio.place.run(name))
        await keep(studio, request, "stop", name)
        return await _again(studio, request, name, notice=notice)

    @app.post("/runs/{name}/begins/stop", response_model=None)
    async def stop_beginning(request: Request, name: str) -> Response:
        """End a run that begins: a model is fetched, or it was started by mistake."""
        await read_form(request)
        started = await apart(latest_start, studio, name, "train")
        if started is not None:
            await apart(studio.processes.stop, started)
            await keep(studio, request, "stop", name)
        return Response(headers={"HX-Refresh": "true"})

    @app.post("/runs/{name}/resume", response_model=None)
    async def resume(request: Request, name: str) -> Response:
        """Go on with a run."""
        waits = wants_to_wait(await read_form(request))
        try:
            run = await apart(resume_run, studio, studio.place.run(name), who_asks(request) or "", waits)
        except YoyakError as error:
            return await _again(studio, request, name, refusal=str(error))
        await keep(studio, request, "wait" if waits else "resume", name)
        going = Text(f"Going on: {run.line}", f"이어서 합니다: {run.line}")
        return await _again(studio, request, name, notice=None if waits else going)

    @app.post("/runs/{name}/delete", response_model=None)
    async def delete(request: Request, name: str) -> Response:
        """Put a run into the bin."""
        await read_form(request)
        try:
            await apart(delete_run, studio.place, studio.place.run(name))
        except YoyakError as error:
            return await _again(studio, request, name, refusal=str(error))
        await keep(studio, request, "delete", name)
        return Response(headers={"HX-Redirect": "/"})


async def _again(studio: Studio, request: Request, name: str, **said: Any) -> Response:
    return studio.page(request, "run_head.html", **(await apart(_head, studio, name) | said))


def _head(studio: Studio, name: str) -> dict[str, Any]:
    folder = studio.place.run(name)
    record = read_record(folder) or RunRecord()
    state = state_of(folder, record)
    started = latest_start(studio, name, "train")
    begins = started is not None and studio.processes.is_running(started)
    output = studio.processes.output(started) if started is not None and state != "completed" else ""
    return {
        "name": name,
        "search": name.partition("~")[0] if folder.parent != studio.place.runs else None,
        "from_run": refined_from(studio.place, record),
        "refinings": [(one, _state_words(studio, one)) for one in refinings_of(studio.place, name)],
        "state": state,
        "facts": run_facts(record),
        "state_words": STATES[state],
        "steps": steps_of(record),
        "step": _step_of(folder) if state == "running" else None,
        "output": output if state in ("failed", "lost") else "",
        "notice": None,
        "refusal": None,
        "actions": sentences_of(actions_on(studio.place, name)),
        "waits": _place_in_queue(studio, name),
        "turn": turn_to_go_on(studio, record) if state in RESUMABLE and not begins else None,
    }


def _step_of(folder: Path) -> int | None:
    """Return the latest step that a run has logged."""
    follower = follow(folder / "metrics.jsonl")
    follower.read()
    return follower.step


def _state_words(studio: Studio, name: str) -> Text:
    folder = studio.place.runs / name
    return STATES[state_of(folder, read_record(folder) or RunRecord())]


def _waits(studio: Studio, name: str) -> dict[str, Any] | None:
    """Return the place in the queue of a run that has not begun yet; None where none of its name waits."""
    waits = _place_in_queue(studio, name)
    return None if waits is None or (studio.place.runs / name / RECORD_FILE).is_file() else waits


def _place_in_queue(studio: Studio, name: str) -> dict[str, Any] | None:
    """Return which place a run has in the queue, and what keeps it from starting; None where none of its name waits."""
    runs = studio.waiting.all()
    for rank, one in enumerate(runs, 1):
        if one.about == name:
            return {"rank": rank, "count": len(runs), "command": one.line, "refusal": studio.keeper.refusal(one)}
    return None


def _begins(studio: Studio, name: str) -> dict[str, Any] | None:
    """Return what is known of a run that was started and has no record yet; None where it has one.

    Raises:
        PageError: 404, no such run was started.
    """
    with suppress(PageError):
        studio.place.run(name)
        return None
    started = latest_start(studio, name, "train")
    if started is None:
        raise PageError(404, NO_SUCH_RUN)
    running, output = studio.processes.is_running(started), studio.processes.output(started)
    why = None if running else refusal_in(output)
    form = form_address(started)
    return {"running": running, "command": started.line, "output": output, "why": why, "form": form}


def _was_refused(studio: Studio, name: str) -> bool:
    """Return whether a run that was started here has left nothing: its folder goes where its data is refused."""
    with suppress(PageError):
        return _begins(studio, name) is not None
    return False


def steps_of(record: RunRecord) -> int | None:
    """Return the optimizer steps that a run will have taken at its end; None where its record doesn't tell yet."""
    data = record.data.get("train")
    try:
        config = Config.model_validate(record.config)
    except ValueError:
        return None
    if is_refining(record):
        return config.refine.steps
    if config.training.max_steps:
        return config.training.max_steps
    return run_steps(config, data.examples) if data and data.examples else None
