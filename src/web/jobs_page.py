"""What the studio has started besides runs: its output as it comes, and how it ended."""

from typing import Any

from fastapi import FastAPI, Request, Response

from ..bilingual import Text
from .forms import read_form
from .place import PageError
from .processes import StartedCommand
from .starts import refusal_in
from .studio import Studio, apart, run_address


def add_jobs_page(app: FastAPI, studio: Studio) -> None:
    """Add `/jobs/KEY`."""

    @app.get("/jobs/{key}", response_model=None)
    async def job(request: Request, key: str) -> Response:
        """Show a job."""
        template = "job_output.html" if request.headers.get("hx-request") == "true" else "job.html"
        return studio.page(request, template, **await apart(_shown, studio, _found(studio, key)))

    @app.post("/jobs/{key}/stop", response_model=None)
    async def stop(request: Request, key: str) -> Response:
        """Ask a job to end."""
        await read_form(request)
        started = _found(studio, key)
        await apart(studio.processes.stop, started)
        return studio.page(request, "job_output.html", **await apart(_shown, studio, started))


def _found(studio: Studio, key: str) -> StartedCommand:
    studio.place.file("started", key)  # refuses what is no plain name
    started = studio.processes.find(key)
    if started is None:
        raise PageError(404, Text("There is no such job here.", "그런 작업이 없습니다."))
    return started


def _shown(studio: Studio, started: StartedCommand) -> dict[str, Any]:
    back = {
        "split": ("/data", Text("To the data", "데이터로")),
        "calibrate": ("/new", Text("To the plan", "예측으로")),
    }
    usual = (f"{run_address(started.about)}/export", Text("To the exports of this run", "이 실행의 내보내기로"))
    code, output = studio.processes.exit_code(started), studio.processes.output(started)
    return {
        "job": started,
        "running": studio.processes.is_running(started),
        "code": code,
        "output": output,
        "why": refusal_in(output) if code else None,
        "back": back.get(started.kind, usual),
    }
