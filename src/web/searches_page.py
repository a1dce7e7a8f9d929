"""Searches: their pages, live while they run, and what stops one, goes on with it or deletes it."""

import shlex
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from ..bilingual import Text
from ..errors import YoyakError
from ..reports.markup import Html, tag
from ..reports.page import Part
from ..reports.search_page import search_parts, standing_parts
from ..reports.search_verdict import search_verdict
from ..runs.holder import lock_holder
from ..runs.schema import RECORD_FILE
from ..search.folder import CLAIMS, CLOCK_FILE, SCORES_FILE, SEARCH_PAGE, STORAGE_FILE, WINNER_CONFIG, trial_name
from .forms import read_form
from .place import PageError
from .run_content import policy_of
from .search_deletion import delete_search, kept_run
from .searches import SEARCH_STATES, clock_of, concluded, search_folder, search_state, stop_search
from .starts import form_address, latest_start, refusal_in
from .studio import Studio, apart, keep, run_address
from .worker import WORKER


def add_search_pages(app: FastAPI, studio: Studio) -> None:
    """Add `/searches/NAME` and what belongs to it."""

    @app.get("/searches/{name}", response_model=None)
    async def search(request: Request, name: str) -> Response:
        """Show a search, or one that begins."""
        begins = await apart(_begins, studio, name)
        if begins is not None:
            return studio.page(request, "search_begins.html", name=name, **begins)
        return studio.page(request, "search.html", **await _shown(studio, name))

    @app.get("/searches/{name}/standing", response_model=None)
    async def standing(request: Request, name: str) -> Response:
        """Show how a search stands; lead to what it printed where it was refused, and its folder is gone."""
        if await apart(_begins, studio, name) is not None:
            return Response(headers={"HX-Refresh": "true"})
        return studio.page(request, "search_standing.html", **await _shown(studio, name))

    @app.get("/searches/{name}/report", response_model=None)
    async def report(name: str) -> Response:
        """Give the search's own page."""
        path = search_folder(studio.place, name) / SEARCH_PAGE
        try:
            page = await apart(path.read_text, "utf-8")
        except (OSError, ValueError):
            raise PageError(404, Text("This search has no page yet.", "아직 결과 페이지가 없습니다.")) from None
        return HTMLResponse(page, headers={"Content-Security-Policy": policy_of(page)})

    @app.post("/searches/{name}/stop", response_model=None)
    async def stop(request: Request, name: str) -> Response:
        """Ask a search to save and end."""
        await read_form(request)
        notice = await apart(stop_search, search_folder(studio.place, name))
        await keep(studio, request, "stop", name)
        return studio.page(request, "search_standing.html", **(await _shown(studio, name) | {"notice": notice}))

    @app.post("/searches/{name}/resume", response_model=None)
    async def resume(request: Request, name: str) -> Response:
        """Go on with a search that the studio began."""
        await read_form(request)
        search_folder(studio.place, name)
        began = await apart(latest_start, studio, name, "search")
        if began is None:
            raise PageError(409, Text("Go on in the terminal.", "터미널에서 이어서 하세요."))
        is_going = await apart(studio.processes.is_running, began)
        if is_going or await apart(search_state, studio.place.runs / name) == "running":
            raise PageError(409, Text("The search is under way.", "이미 진행 중인 탐색입니다."))
        started = await apart(studio.processes.start, "search", name, began.command[1:])
        await keep(studio, request, "resume", name)
        notice = Text(f"Going on: {started.line}", f"이어서 합니다: {started.line}")
        return studio.page(request, "search_standing.html", **(await _shown(studio, name) | {"notice": notice}))

    @app.post("/searches/{name}/delete", response_model=None)
    async def delete(request: Request, name: str) -> Response:
        """Put a search into the bin; the run of its winner stays, unless the form says that it goes too."""
        with_winner = dict(await read_form(request)).get("winner") == "too"
        folder = search_folder(studio.place, name)
        try:
            kept = await apart(delete_search, studio, folder, with_winner)
        except YoyakError as error:
            shown = await _shown(studio, name) | {"refusal": str(error)}
            return studio.page(request, "search_standing.html", **shown)
        await keep(studio, request, "delete", name)
        return Response(headers={"HX-Redirect": "/" if kept is None else run_address(kept)})


def _begins(studio: Studio, name: str) -> dict[str, Any] | None:
    """Return what is known of a search that was started and has no folder yet; None where it has one.

    Raises:
        PageError: 404, no such search was started.
    """
    started = latest_start(studio, name, "search")
    if (studio.place.named(studio.place.runs, name) / CLOCK_FILE).is_file() or started is None:
        search_folder(studio.place, name)
        return None
    running, output = studio.processes.is_running(started), studio.processes.output(started)
    why = None if running else refusal_in(output)
    form = form_address(started)
    return {"running": running, "command": started.line, "output": output, "why": why, "form": form}


async def _shown(studio: Studio, name: str) -> dict[str, Any]:
    folder = search_folder(studio.place, name)
    known = await apart(_known, studio, folder)
    verdict, parts = Html(""), list[Part]()
    if known["state"] == "ended":
        verdict, parts = await WORKER.call(_ended, folder.absolute())
    elif isinstance(record := await WORKER.call(standing_of, folder.absolute()), Text):
        known["unread"] = record
    elif record is not None:
        parts = standing_parts(record | known["clock"])
        known |= _so_far(record)
    return {"name": name, "notice": None, "refusal": None, "verdict": verdict, "parts": parts, **known}


def _known(studio: Studio, folder: Path) -> dict[str, Any]:
    state, began = search_state(folder), latest_start(studio, folder.name, "search")
    record = concluded(folder) or {}
    is_going = began is not None and studio.processes.is_running(began)
    fallen = state in ("lost", "stopped") and not is_going
    winner = _run_in(folder, Path(str(record.get("run", ""))))
    trial = _run_in(folder, folder / trial_name(record["chosen"])) if record else None
    return {
        "state": state,
        "is_going": is_going,
        "state_words": SEARCH_STATES[state],
        "clock": {"spent_seconds": 0.0, "deadline_seconds": None} | clock_of(folder),
        "command": shlex.join(began.command) if began else None,
        "output": studio.processes.output(began) if began and fallen else "",
        "winner": winner,
        "trial": trial if trial != winner else None,
        "has_page": (folder / SEARCH_PAGE).is_file(),
        "kept": kept_run(studio, folder),
        "begun": None,
        "ended": None,
        "best": None,
        "unread": None,
    }


def _run_in(folder: Path, run: Path) -> str | None:
    """Return the name in addresses of a run in a search's folder; None where there is none, as of averaged weights."""
    parts = run.parts[run.parts.index(folder.name) :] if folder.name in run.parts else ()
    is_run = len(parts) > 1 and folder.joinpath(*parts[1:], RECORD_FILE).is_file()
    return "~".join(parts) if is_run else None


def _so_far(record: dict[str, Any]) -> dict[str, Any]:
    begun = [trial for trial in record["trials"] if trial["state"] != "refused"]
    finished = [trial for trial in begun if trial["state"] == "finished"]
    best = max(finished, key=lambda trial: trial["score"], default=None)
    return {"begun": len(begun), "ended": len(finished), "best": best}


def _ended(folder: Path) -> tuple[Html, list[Part]]:
    record = concluded(folder)
    if record is None:
        return Html(""), []
    winner = folder / WINNER_CONFIG
    config = winner.read_text(encoding="utf-8", errors="replace") if winner.is_file() else ""
    try:
        return search_verdict(record), [part for part in search_parts(record, config) if part[2]]
    except (LookupError, TypeError, ValueError, AttributeError, StopIteration):  # of another version: its trials alone
        standing = standing_of(folder)
        if standing is None or isinstance(standing, Text):
            return tag("p", standing) if standing else Html(""), []
        return Html(""), standing_parts({"spent_seconds": 0.0} | clock_of(folder) | standing)


def standing_of(folder: Path) -> dict[str, Any] | Text | None:
    """Return how a search stands, with `running` for the state of a trial that a process works on.

    None where there are no trials yet; where they can't be read, a sentence that says why.
    """
    from ..search.standing import search_standing

    record = search_standing(folder / STORAGE_FILE, lambda number: folder / trial_name(number) / SCORES_FILE)
    for trial in record["trials"] if isinstance(record, dict) else ():
        claim = folder / CLAIMS / trial_name(trial["number"])
        if trial["state"] == "begun" and lock_holder(claim) is not None:
            trial["state"] = "running"
    return record
