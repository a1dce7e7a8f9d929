"""The first page: the machine, models that are here, and all runs."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from fastapi import FastAPI, Request, Response

from ..commands.train.quickstart import quickstart_experiment
from ..config.loader import known_configs, load_config
from ..errors import YoyakError
from ..planner.machine import cpu_name, detected_card
from ..planner.shapes import cached_file
from ..runs.schema import RECORD_FILE
from ..search.folder import CLOCK_FILE, NAMED_SEARCH
from .paging import page_there
from .run_list import RUNS_A_PAGE, run_lines
from .searches import search_lines
from .studio import Studio, apart, work_address
from .under_way import runs_under_way

_MOST_PAGES = 100_000


@dataclass(frozen=True)
class ConfiguredModel:
    """A model that a config names, and whether its files are on this machine."""

    config: str
    checkpoint: str
    here: bool


def add_start_page(app: FastAPI, studio: Studio) -> None:
    """Add `/` to the application."""

    @app.get("/", response_model=None)
    async def start(request: Request, page: str = "0") -> Response:
        """Show the machine and its runs."""
        number = int(page[:6]) if page.isascii() and page.isdecimal() else 0
        context = await apart(_context, studio, min(number, _MOST_PAGES))
        return studio.page(request, "start.html", **context)


def _context(studio: Studio, page: int) -> dict[str, Any]:
    runs, total = run_lines(studio.place, page)
    folder = Path(os.path.abspath(studio.place.runs))
    return {
        "runs": runs,
        "searches": search_lines(studio.place),
        "total": total,
        "waiting": len(studio.waiting.all()),
        "begun": begun_without_record(studio),
        "page": page_there(page, total, RUNS_A_PAGE),
        "size": RUNS_A_PAGE,
        "folder": folder,
        "models": configured_models(),
        "quickstart_ko": quickstart_experiment(korean=True),
        "card": detected_card(),
        "processor": cpu_name().partition(" (")[0],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "disk": shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free,
    }


def begun_without_record(studio: Studio) -> list[tuple[str, str]]:
    """Return names and addresses of runs and searches that have just been started: the lists don't have them yet."""
    runs = studio.place.runs
    return [
        (name, work_address(name))
        for name in runs_under_way(studio.place, studio.processes)
        if not (runs / name / (CLOCK_FILE if name.endswith(NAMED_SEARCH) else RECORD_FILE)).is_file()
    ]


def configured_models() -> list[ConfiguredModel]:
    """Return the models of the configs, those of experiments left out."""
    found = []
    for name, path in known_configs().items():
        if path.parent.name == "models":
            try:
                checkpoint = load_config(name).model.checkpoint
            except YoyakError:  # a config of the user's own that is broken says so where it is chosen
                continue
            found.append(ConfiguredModel(name, checkpoint, cached_file(checkpoint, "config.json") is not None))
    return found
