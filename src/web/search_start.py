"""The start of a search: what it would come to by a deadline, and its command."""

import shlex
from typing import Any

from fastapi import FastAPI, Request, Response

from ..commands.search.plan_search import foreseen_lines, foreseen_search, need_optuna
from ..commands.train.config import resolve_config
from ..commands.train.request import TrainRequest
from ..config.loader import load_config, load_config_with_sources
from ..config.schema import Config
from ..errors import YoyakError
from ..planner.machine import choose_device
from ..search.clock import read_duration
from ..search.folder import NAMED_SEARCH
from .forms import fields_of, read_form
from .new_page import Fields
from .planning import RunWish, refuse_missing_files, situation_of_form
from .search_fields import SEARCH_MAIN, SEARCH_WORDS, search_fields
from .studio import Studio, apart, keep, search_address, see, who_asks
from .turns import start_or_wait, turn_of, wants_to_wait
from .waiting import WaitingRun
from .wishes import experiment_of, wish_of
from .worker import WORKER

_USUAL_DEADLINE = "1h"
_LONGEST_DEADLINE = 20


def add_search_start(app: FastAPI, studio: Studio) -> None:
    """Add `/searches/new`, what a search would come to, and the start of one."""

    @app.get("/searches/new", response_model=None)
    async def new(request: Request) -> Response:
        """Show the form."""
        return await _form(studio, request, fields_of(request.scope["query_string"]), fresh=True)

    @app.get("/searches/new/plan", response_model=None)
    async def plan(request: Request) -> Response:
        """Show what a search would come to."""
        fields = fields_of(request.scope["query_string"])
        context: dict[str, Any] = {"lines": []} | dict.fromkeys(
            ("refusal", "unplanned", "measurable", "command", "turn")
        )
        try:
            wish, deadline = await apart(_wished, studio, fields)
            context["command"] = shlex.join(["yoyak", *_words(wish, deadline)])
            context["turn"] = await apart(turn_of, studio, None)
        except YoyakError as error:
            context["refusal"] = str(error)
            return studio.page(request, "search_plan.html", **context)
        try:
            context["lines"] = await WORKER.call(foreseen_of, wish, deadline)
        except YoyakError as error:
            context |= {"unplanned": str(error), "measurable": wish.gpu is None}
        return studio.page(request, "search_plan.html", **context)

    @app.post("/searches", response_model=None)
    async def start(request: Request) -> Response:
        """Start the search, or say as the command would why not."""
        fields = await read_form(request)
        try:
            name = await apart(_start, studio, fields, who_asks(request) or "")
        except YoyakError as error:
            return await _form(studio, request, fields, refusal=str(error))
        await keep(studio, request, "wait" if wants_to_wait(fields) else "start", name)
        return see("/queue" if wants_to_wait(fields) else search_address(name))


async def _form(
    studio: Studio, request: Request, fields: Fields, refusal: str | None = None, fresh: bool = False
) -> Response:
    try:
        context = await apart(_form_context, studio, fields, fresh)
    except YoyakError as error:
        refusal = refusal or str(error)
        context = await apart(_form_context, studio, [], fresh)
    return studio.page(request, "search_new.html", 422 if refusal else 200, refusal=refusal, **context)


def _form_context(studio: Studio, fields: Fields, fresh: bool) -> dict[str, Any]:
    wish = wish_of(fields, studio.place)
    config, given = load_config(wish.experiment), dict(fields)
    shown = search_fields(config)
    pairs = [override.partition("=")[::2] for override in wish.overrides]
    name = given.get("experiment.name") or config.experiment.name
    return {
        "experiment": wish.experiment,
        "name": _free_name(studio, name) if fresh else name,
        "deadline": given.get("deadline", _USUAL_DEADLINE),
        "kept": [(key, "" if value == "null" else value) for key, value in pairs if _is_kept(key)],
        "given": {key: value for key, value in given.items() if key in SEARCH_WORDS},
        "main": shown[:SEARCH_MAIN],
        "others": shown[SEARCH_MAIN:],
    }


def _is_kept(name: str) -> bool:
    """Tell whether an override goes along unseen: it has no field of its own, and is not the studio's."""
    return name not in SEARCH_WORDS and not name.startswith("experiment.")


def _free_name(studio: Studio, name: str) -> str:
    free, number = name, 1
    while (studio.place.runs / f"{free}{NAMED_SEARCH}").exists():
        number += 1
        free = f"{name}_{number}"
    return free


def _wished(studio: Studio, fields: Fields) -> tuple[RunWish, str]:
    """Return the run that is searched for, and the deadline.

    Raises:
        YoyakError: as the command refuses.
    """
    experiment_of(fields)
    deadline = dict(fields).get("deadline", _USUAL_DEADLINE).strip()[:_LONGEST_DEADLINE]
    wish = wish_of(fields, studio.place)
    _resolved(wish)
    read_duration(deadline, "--deadline")
    need_optuna()
    return wish, deadline


def _resolved(wish: RunWish) -> Config:
    return resolve_config(TrainRequest(wish.experiment, wish.overrides))


def _words(wish: RunWish, deadline: str) -> list[str]:
    return ["search", "--experiment", wish.experiment, "--deadline", deadline, *wish.overrides]


def foreseen_of(wish: RunWish, deadline: str) -> list[str]:
    """Return what a search would come to on this machine, in sentences; it loads Optuna.

    Raises:
        YoyakError: as `yoyak plan --search` refuses.
    """
    config, sources = load_config_with_sources(wish.experiment, wish.overrides)
    situation = situation_of_form(config, wish.named, choose_device(wish.gpu, None))
    return foreseen_lines(situation, *foreseen_search(situation, sources, deadline, "--deadline"))


def _start(studio: Studio, fields: Fields, who: str) -> str:
    wish, deadline = _wished(studio, fields)
    config = _resolved(wish)
    refuse_missing_files(config)
    name = f"{config.experiment.name}{NAMED_SEARCH}"
    if (studio.place.runs / name).exists():
        raise YoyakError(f"{studio.place.runs / name}: is there already; set experiment.name=OTHER")
    run = WaitingRun(name, _words(wish, deadline), who, "search")
    start_or_wait(studio, run, turn_of(studio, None), wants_to_wait(fields))
    return name
