"""The studio's application: its pages, what it answers where something is refused, and the door before all."""

import hashlib
import logging
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ..bilingual import Text
from ..errors import YoyakError
from .data_page import add_data_pages
from .door import Door
from .entrance import Entrance, TokenEntrance
from .export_page import add_export_page
from .jobs_page import add_jobs_page
from .judge_pages import add_judge_pages
from .login_page import add_login_page
from .new_page import add_new_page
from .place import PageError, Place
from .queue_page import add_queue_page
from .refining_page import add_refining_page
from .run_page import add_run_actions, add_run_pages
from .search_start import add_search_start
from .searches_page import add_search_pages
from .served import Served
from .settings_page import add_settings_page
from .start_page import add_start_page
from .studio import Studio
from .try_page import add_try_page
from .vote_page import add_vote_page

_STATIC = Path(__file__).parent / "static"
_LOOK = Path(__file__).parents[1] / "reports" / "report.css"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
_SAID = {
    404: Text("There is no such page.", "그런 페이지가 없습니다."),
    405: Text("This page can't do that.", "이 페이지에서는 할 수 없는 일입니다."),
}
_VANISHED = Text("What this was about has vanished from the disk.", "디스크에서 사라진 파일이나 폴더입니다.")
_FAULT = Text(
    "The studio failed at this; its terminal says more. Runs go on without it.",
    "스튜디오에 문제가 생겼습니다. 자세한 내용은 터미널에 있습니다. 실행은 계속됩니다.",
)


def create_studio(place: Place, token: str, studio: Studio | None = None, entrance: Entrance | None = None) -> Door:
    """Return the ASGI application for a folder of runs; `token` opens it, where `entrance` is no other way in."""
    studio, entrance = studio or Studio(place), entrance or TokenEntrance(token)
    app = FastAPI(openapi_url=None)
    _add_answers(app, studio)
    _add_static(app)
    add_start_page(app, studio)
    add_new_page(app, studio)
    add_queue_page(app, studio)
    add_run_pages(app, studio)
    add_run_actions(app, studio)
    add_refining_page(app, studio)
    add_search_start(app, studio)
    add_search_pages(app, studio)
    add_data_pages(app, studio)
    add_export_page(app, studio)
    add_judge_pages(app, studio)
    add_jobs_page(app, studio)
    add_try_page(app, studio, Served(studio, token))
    add_vote_page(app, studio)
    add_settings_page(app, studio)
    add_login_page(app, studio, entrance)
    return Door(app, entrance)


def _add_static(app: FastAPI) -> None:
    files = {f"{path.relative_to(_STATIC)}": path for path in _STATIC.rglob("*") if path.suffix in _TYPES}
    files["report.css"] = _LOOK

    @app.get("/static/{name:path}", response_model=None)
    async def static(request: Request, name: str) -> Response:
        """Give a style or a script."""
        if name not in files:
            raise PageError(404, _SAID[404])
        tag = f'"{hashlib.sha256(files[name].read_bytes()).hexdigest()[:20]}"'
        headers = {"Cache-Control": "no-cache", "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return FileResponse(files[name], media_type=_TYPES[files[name].suffix], headers=headers)


def _add_answers(app: FastAPI, studio: Studio) -> None:
    def refused(request: Request, status: int, sentence: str) -> Response:
        if request.headers.get("hx-request") == "true":
            return studio.page(request, "refusal.html", status, sentence=sentence)
        return studio.page(request, "refused.html", status, sentence=sentence)

    @app.exception_handler(PageError)
    async def page_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, PageError)
        return refused(request, error.status, error.sentence)

    @app.exception_handler(YoyakError)
    async def yoyak_error(request: Request, error: Exception) -> Response:
        here = studio.place.runs  # the worker names files by their whole paths
        return refused(request, 422, str(error).replace(f"{here.absolute()}/", f"{here}/"))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        sentence = _SAID.get(error.status_code, Text("This can't be done.", "할 수 없는 요청입니다."))
        return refused(request, error.status_code, sentence)

    @app.exception_handler(OSError)
    async def disk_error(request: Request, error: Exception) -> Response:
        logging.getLogger("yoyak.studio").warning("%s %s: %s", request.method, request.url.path, error)
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return refused(request, 404, _VANISHED)
        reason = getattr(error, "strerror", None) or "?"
        return refused(
            request, 507, Text(f"The disk refuses this: {reason}", f"디스크에서 할 수 없는 일입니다: {reason}")
        )

    @app.exception_handler(ClientDisconnect)
    async def nobody(request: Request, error: Exception) -> Response:
        return Response(status_code=499)

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> Response:
        logging.getLogger("yoyak.studio").error("%s %s failed", request.method, request.url.path, exc_info=error)
        return refused(request, 500, _FAULT)
