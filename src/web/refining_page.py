"""Refining a run from its page: the form, the plan beside it, and the start."""

import shlex
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response

from ..bilingual import Text
from ..commands.train.refine import refine_config
from ..config.schema import Config
from ..errors import YoyakError
from ..planner.advice import hours
from ..planner.devices import CARDS
from ..planner.refining import RefinePlan
from ..planner.words import MEMORY_NAMES, verdict
from .forms import fields_of, read_form
from .new_page import Fields
from .planning import known_card, planned_refining
from .refine_fields import REFINE_MAIN, REFINE_WORDS, refine_fields
from .studio import Studio, apart, keep, run_address, see, who_asks
from .turns import start_or_wait, turn_of, wants_to_wait
from .waiting import WaitingRun
from .wishes import LONGEST_VALUE, free_name


def add_refining_page(app: FastAPI, studio: Studio) -> None:
    """Add `/runs/NAME/refine`, its plan, and the start."""

    @app.get("/runs/{name}/refine", response_model=None)
    async def form(request: Request, name: str) -> Response:
        """Show the form."""
        fields = fields_of(request.scope["query_string"])
        return studio.page(request, "refine.html", **await apart(_form, studio, name, fields))

    @app.get("/runs/{name}/refine/plan", response_model=None)
    async def plan(request: Request, name: str) -> Response:
        """Show the plan of what the form says."""
        fields = fields_of(request.scope["query_string"])
        return studio.page(request, "refine_plan.html", **await apart(_plan, studio, name, fields))

    @app.post("/runs/{name}/refine", response_model=None)
    async def start(request: Request, name: str) -> Response:
        """Start the refining, or say as the command would why not."""
        fields = await read_form(request)
        try:
            refined = await apart(_start, studio, name, fields, who_asks(request) or "")
        except YoyakError as error:
            context = await apart(_form, studio, name, fields)
            return studio.page(request, "refine.html", 422, **(context | {"refusal": str(error)}))
        await keep(studio, request, "wait" if wants_to_wait(fields) else "start", refined)
        return see(run_address(refined))


def _form(studio: Studio, name: str, fields: Fields) -> dict[str, Any]:
    folder = studio.place.run(name)
    given = {key: value for key, value in fields if key in REFINE_WORDS}
    context: dict[str, Any] = {"name": name, "given": given, "refusal": None, "main": [], "others": []}
    context |= {"cards": [card.name for card in CARDS], "gpu": dict(fields).get("gpu", "")}
    if not (folder / "final_model").is_dir():
        no_model = Text("This run has no final model yet.", "이 실행에는 아직 최종 모델이 없습니다.")
        return context | {"refusal": no_model}
    try:
        shown = refine_fields(refine_config(str(folder), []))
    except YoyakError as error:
        return context | {"refusal": str(error)}
    return context | {"main": shown[:REFINE_MAIN], "others": shown[REFINE_MAIN:]}


def _wished(studio: Studio, name: str, fields: Fields) -> tuple[list[str], Config]:
    """Return the words behind `yoyak` that do what a form asks for, and the settings that they come to.

    Raises:
        YoyakError: as the command refuses.
    """
    folder = studio.place.run(name)
    usual = {field.name: field.value for field in refine_fields(refine_config(str(folder), []))}
    overrides = []
    for key, text in fields:
        if "." in key and key not in usual:
            raise YoyakError(f"{key[:200]} can't be set here: no setting of a refining")
        if len(text) > LONGEST_VALUE:
            raise YoyakError(f"{key}: longer than {LONGEST_VALUE:,} characters; put it into a YAML file")
        if key in usual and text.strip() != usual[key]:
            overrides.append(f"{key}={text.strip() or 'null'}")
    config = refine_config(str(folder), overrides)
    if studio.place.runs != Path(config.experiment.output_dir):
        overrides.append(f"experiment.output_dir={studio.place.runs}")
        config.experiment.output_dir = str(studio.place.runs)
    free = free_name(config, studio.place, [one.about for one in studio.waiting.all()])
    if free != config.experiment.name:
        overrides.append(f"experiment.name={free}")
        config.experiment.name = free
    return ["refine", str(folder), *overrides], config


def _plan(studio: Studio, name: str, fields: Fields) -> dict[str, Any]:
    context: dict[str, Any] = dict.fromkeys(("refusal", "plan", "unplanned", "measurable", "command", "turn"))
    try:
        gpu = known_card(dict(fields).get("gpu", ""))
        words, config = _wished(studio, name, fields)
        context["command"] = shlex.join(["yoyak", *words])
        context["turn"] = turn_of(studio, lambda: planned_refining(config, None))
    except YoyakError as error:
        return context | {"refusal": str(error)}
    try:
        plan = planned_refining(config, gpu)
    except YoyakError as error:
        return context | {"unplanned": str(error), "measurable": gpu is None}
    return context | _shown(plan)


def _shown(plan: RefinePlan) -> dict[str, Any]:
    return {
        "plan": plan,
        "verdict": verdict(plan),
        "time": hours(plan.total_seconds),
        "parts": [(MEMORY_NAMES[part], size / 1e9) for part, size in plan.memory.parts.items()],
    }


def _start(studio: Studio, name: str, fields: Fields, who: str) -> str:
    words, config = _wished(studio, name, fields)
    run = WaitingRun(config.experiment.name, words, who)
    start_or_wait(studio, run, turn_of(studio, lambda: planned_refining(config, None)), wants_to_wait(fields))
    return config.experiment.name
