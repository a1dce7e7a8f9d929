"""Settings of the studio itself: language, the folder of runs, and the bin."""

import os

from fastapi import FastAPI, Request, Response

from ..bilingual import Text
from ..search.folder import CLOCK_FILE
from .actions import Action, actions_on
from .forms import read_form
from .language import LANGUAGE_COOKIE
from .pages import own_address
from .place import PageError, Place
from .run_actions import binned_runs, empty_bin, name_in_bin, restore_run
from .studio import Studio, apart, keep, run_address, search_address, see

_YEAR_SECONDS = 365 * 24 * 3600


def add_settings_page(app: FastAPI, studio: Studio) -> None:
    """Add `/settings`, the choice of language, and the bin."""

    @app.get("/settings", response_model=None)
    async def settings(request: Request) -> Response:
        """Show what can be set."""
        folder = os.path.abspath(studio.place.runs)
        return studio.page(request, "settings.html", folder=folder, binned=await apart(_binned, studio.place))

    @app.post("/language", response_model=None)
    async def language(request: Request) -> Response:
        """Keep the language as a cookie and lead back."""
        fields = dict(await read_form(request))
        chosen = fields.get("language")
        if chosen not in ("en", "ko"):
            raise PageError(400, Text("Choose English or Korean.", "영어나 한국어를 골라 주세요."))
        answer = see(own_address(fields.get("back", "/")))
        answer.set_cookie(LANGUAGE_COOKIE, chosen, max_age=_YEAR_SECONDS, samesite="strict", httponly=True)
        return answer

    @app.post("/bin/restore", response_model=None)
    async def restore(request: Request) -> Response:
        """Take a run or a search out of the bin."""
        fields = dict(await read_form(request))
        name = await apart(restore_run, studio.place, fields.get("run", ""))
        await keep(studio, request, "restore", name)
        is_search = (studio.place.runs / name / CLOCK_FILE).is_file()
        return see(search_address(name) if is_search else run_address(name))

    @app.post("/bin/empty", response_model=None)
    async def empty(request: Request) -> Response:
        """Remove what is in the bin."""
        await read_form(request)
        await apart(empty_bin, studio.place)
        await keep(studio, request, "empty")
        return see("/settings")


def _binned(place: Place) -> list[tuple[str, Action | None]]:
    """Return what is in the bin, each with who put it there, where that is known."""
    found = []
    for binned in binned_runs(place):
        deleted = [action for action in actions_on(place, name_in_bin(binned)) if action.did == "delete"]
        found.append((binned, deleted[-1] if deleted else None))
    return found
