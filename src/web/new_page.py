"""A new run: the form, the plan beside it, and the start."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from fastapi import FastAPI, Request, Response

from ..config.loader import known_configs, load_config
from ..config.provenance import SETTINGS
from ..config.schema import Config
from ..errors import YoyakError
from ..planner.advice import best_changes, hours, nearest_fitting
from ..planner.devices import CARDS
from ..planner.plan import Plan
from ..planner.words import MEMORY_NAMES, verdict
from ..runs.record import read_record
from .forms import fields_of, read_form
from .planning import checked_config, planned, refuse_missing_files
from .setting_fields import MAIN, METHODS_OF_TRAINING, PLACED, fields_of_config, typed_value
from .start_page import configured_models
from .studio import Studio, apart, keep, run_address, see, who_asks
from .turns import start_or_wait, turn_of_wish, wants_to_wait
from .uploads import data_files
from .waiting import WaitingRun
from .wishes import (
    MEMORY_FIELD,
    PRICE_FIELD,
    command_line,
    experiment_of,
    free_name,
    plan_line,
    wish_of,
    yaml_of,
)

_SAMPLES = ("sample:en/train.csv", "sample:en/dev.csv", "sample:ko/train.csv", "sample:ko/dev.csv")
_PLAN_PARTS = (
    "refusal", "plan", "unplanned", "measurable", "command", "yaml", "turn", "price", "cost", "plan_command", "one_file"
)  # fmt: skip
_COLORS = 6
Fields = Sequence[tuple[str, str]]


def add_new_page(app: FastAPI, studio: Studio) -> None:
    """Add `/new`, its plan, and the start of a run."""

    @app.get("/new", response_model=None)
    async def new(request: Request) -> Response:
        """Show the form."""
        fields = await apart(_like, studio, fields_of(request.scope["query_string"]))
        return await _form(studio, request, fields)

    @app.get("/new/plan", response_model=None)
    async def plan(request: Request) -> Response:
        """Show the plan of what the form says."""
        fields = fields_of(request.scope["query_string"])
        return studio.page(request, "plan.html", **await apart(_plan, studio, fields))

    @app.get("/new/changes", response_model=None)
    async def changes(request: Request) -> Response:
        """Show what would save memory or time."""
        fields = fields_of(request.scope["query_string"])
        return studio.page(request, "changes.html", changes=await apart(_changes, studio, fields))

    @app.post("/measure", response_model=None)
    async def measure(request: Request) -> Response:
        """Measure this machine, for plans of its own."""
        await read_form(request)
        where = [] if str(studio.place.runs) == "outputs" else [f"experiment.output_dir={studio.place.runs}"]
        started = await apart(studio.processes.start, "calibrate", "", ["plan", "--calibrate", *where])
        await keep(studio, request, "measure")
        return Response(headers={"HX-Redirect": f"/jobs/{started.key}"})

    @app.post("/runs", response_model=None)
    async def start(request: Request) -> Response:
        """Start the run, or say as the command would why not."""
        fields = await read_form(request)
        try:
            name = await apart(_start, studio, fields, who_asks(request) or "")
        except YoyakError as error:
            return await _form(studio, request, fields, str(error))
        await keep(studio, request, "wait" if wants_to_wait(fields) else "start", name)
        return see(run_address(name))


async def _form(studio: Studio, request: Request, fields: Fields, refusal: str | None = None) -> Response:
    try:
        context = await apart(_form_context, studio, fields)
    except YoyakError as error:
        refusal = refusal or str(error)
        context = await apart(_form_context, studio, [])
    return studio.page(request, "new.html", 422 if refusal else 200, refusal=refusal, **context)


def _form_context(studio: Studio, fields: Fields) -> dict[str, Any]:
    experiment = experiment_of(fields)
    config = load_config(experiment)
    settings = fields_of_config(config)
    given = {name: value for name, value in fields if name in settings}
    waiting = [one.about for one in studio.waiting.all()]
    method = "full" if not config.lora.use_lora else "qlora" if config.lora.use_qlora else "lora"
    return {
        "experiments": list(known_configs()),
        "experiment": experiment,
        "name": given.get("experiment.name") or free_name(config, studio.place, waiting),
        "fields": settings,
        "given": given,
        "main": [settings[name] for name in MAIN],
        "others": [field for name, field in settings.items() if name not in PLACED],
        "opened": any(name not in PLACED for name in given),
        "checkpoints": [model.checkpoint for model in configured_models()],
        "files": [*_SAMPLES, *map(str, data_files(studio.place))],
        "methods": METHODS_OF_TRAINING,
        "method": dict(fields).get("method") or _method_of(given, method),
        "cards": [card.name for card in CARDS],
        "card": {name: dict(fields).get(name, "") for name in ("gpu", MEMORY_FIELD, PRICE_FIELD)},
    }


def _method_of(given: dict[str, str], usual: str) -> str:
    wanted = given.get("lora.use_lora"), given.get("lora.use_qlora")
    return next((key for key, (_, *values) in METHODS_OF_TRAINING.items() if tuple(values) == wanted), usual)


def _like(studio: Studio, fields: Fields) -> Fields:
    """Return the fields of a form that begins with an earlier run's settings, where the address names one."""
    like = dict(fields).get("like")
    if like is None:
        return fields
    record = read_record(studio.place.run(like))
    experiment = _experiment_of_command(record.command if record else None)
    values = {
        f"{section}.{key}": typed_value(value)
        for section, part in (record.config if record else {}).items()
        if isinstance(part, dict)
        for key, value in part.items()
        if f"{section}.{key}" in SETTINGS and isinstance(value, str | int | float | list | None)
    }
    values.pop("experiment.name", None)
    usual = fields_of_config(load_config(experiment))
    changed = [(name, value) for name, value in values.items() if name in usual and value != usual[name].value]
    return [("experiment", experiment), *changed]


def _experiment_of_command(command: str | None) -> str:
    words = (command or "").split()
    named = [after for word, after in pairwise(words) if word in ("--experiment", "-e")]
    return next((name for name in (*named, *words[1:2]) if name in known_configs()), experiment_of([]))


def _plan(studio: Studio, fields: Fields) -> dict[str, Any]:
    """Return what the plan's template shows: a plan, why there is none, or why the run would be refused."""
    context: dict[str, Any] = dict.fromkeys(_PLAN_PARTS)
    try:
        wish = wish_of(fields, studio.place)
        context |= {"command": command_line(wish), "yaml": yaml_of(wish)}
        config = checked_config(wish)
        context["one_file"] = config.data.train == config.data.eval
    except YoyakError as error:
        return context | {"refusal": str(error)}
    try:
        plan = planned(wish, config)
    except YoyakError as error:
        unplanned = {
            "unplanned": str(error),
            "measurable": wish == wish.here,
            "turn": turn_of_wish(studio, wish, config),
        }
        return context | unplanned
    price = wish.price_per_hour
    context |= {"plan_command": plan_line(wish), "price": price, "cost": None if price is None else plan.cost(price)}
    return context | {"turn": turn_of_wish(studio, wish, config, plan)} | _shown(plan)


def _shown(plan: Plan) -> dict[str, Any]:
    memory, limit = plan.choice.memory, plan.limit_bytes
    whole = max(limit, memory.device_bytes, 1)
    parts, at = [], 0.0
    for place, (name, size) in enumerate(memory.parts.items()):
        width = 100 * size / whole
        words = {"name": MEMORY_NAMES[name], "gigabytes": size / 1e9, "color": place % _COLORS}
        parts.append(words | {"x": round(at, 3), "width": round(width, 3)})
        at += width
    lengths = plan.situation.train
    return {
        "plan": plan,
        "verdict": verdict(plan),
        "parts": parts,
        "limit_at": round(100 * limit / whole, 3),
        "peak": memory.device_bytes / 1e9,
        "limit": limit / 1e9,
        "time": hours(plan.total_seconds),
        "lengths": lengths.source,
    }


def _changes(studio: Studio, fields: Fields) -> list[str]:
    try:
        wish = wish_of(fields, studio.place)
        plan = planned(wish, checked_config(wish))
    except YoyakError:
        return []
    if not plan.fits and (change := nearest_fitting(plan)) is not None:
        return [change.sentence()]
    return [change.sentence() for change in best_changes(plan)]


def _start(studio: Studio, fields: Fields, who: str) -> str:
    """Start what a form asks for, or let it wait, and return the run's name."""
    wish, names = wish_of(fields, studio.place), [one.about for one in studio.waiting.all()]
    if not any(name == "experiment.name" for name, _ in fields):  # the first page's button
        name = free_name(load_config(wish.experiment), studio.place, names)
        wish = replace(wish, overrides=(*wish.overrides, f"experiment.name={name}"))
    config: Config = checked_config(wish)
    refuse_missing_files(config)
    run = WaitingRun(config.experiment.name, wish.words, who)
    start_or_wait(studio, run, turn_of_wish(studio, wish, config), wants_to_wait(fields))
    return config.experiment.name
