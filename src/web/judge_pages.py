"""Judging runs: their summaries side by side, and runs compared with each other."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response

from ..bilingual import Text
from ..reports.compare_page import compared_parts
from ..reports.comparison import compare_runs
from ..reports.examples import FACTS_NOTE
from ..reports.markup import Html
from ..reports.page import Part
from .forms import fields_of
from .place import PageError
from .run_list import RUNS_A_PAGE, run_lines
from .studio import Studio, apart
from .summaries_view import DIALOGUE_SIZES, SHOWN_AT_ONCE, SUMMARY_ORDERS, SummariesAsked, summaries_shown
from .worker import WORKER

_MOST_COMPARED = 6


def add_judge_pages(app: FastAPI, studio: Studio) -> None:
    """Add `/runs/NAME/summaries` and `/compare`."""

    @app.get("/runs/{name}/summaries", response_model=None)
    async def summaries(request: Request, name: str) -> Response:
        """Show summaries of the same dialogues side by side."""
        folder = studio.place.run(name)
        fields = fields_of(request.scope["query_string"])
        given = dict(fields)
        beside = list(dict.fromkeys(value for key, value in fields if key == "beside" and value and value != name))
        page = given.get("page", "0")
        asked = SummariesAsked(
            folder.absolute(),
            {other: studio.place.run(other).absolute() for other in beside[:_MOST_COMPARED]},
            given.get("order", "gain") if given.get("order", "gain") in SUMMARY_ORDERS else "gain",
            given.get("topic", ""),
            given.get("size", "") if given.get("size", "") in DIALOGUE_SIZES else "",
            int(page[:6]) if page.isascii() and page.isdecimal() else 0,
        )
        shown = await WORKER.call(summaries_shown, asked)
        kept = [(key, value) for key, value in fields if key in ("beside", "order", "topic", "size") and value]
        context: dict[str, Any] = {"asked": asked, "shown": shown, "orders": SUMMARY_ORDERS, "sizes": DIALOGUE_SIZES}
        context["size"] = SHOWN_AT_ONCE
        others = [one for one in (await apart(studio.place.run_names))[:RUNS_A_PAGE] if one != name]
        context |= {"others": others, "beside": beside, "query": urlencode(kept), "note": FACTS_NOTE}
        return studio.page(request, "summaries.html", name=name, **context)

    @app.get("/compare", response_model=None)
    async def compare(request: Request) -> Response:
        """Choose runs, and compare them with the first."""
        chosen = list(dict.fromkeys(value for key, value in fields_of(request.scope["query_string"]) if key == "run"))
        if len(chosen) > _MOST_COMPARED:
            raise PageError(422, Text("Compare six runs at most.", "실행은 여섯 개까지 비교할 수 있습니다."))
        folders = [studio.place.run(name) for name in chosen]
        lines, _ = await apart(run_lines, studio.place)
        context: dict[str, Any] = {"lines": lines, "chosen": chosen, "lead": None, "parts": []}
        if len(folders) > 1:
            context["lead"], context["parts"] = await WORKER.call(_compared, [folder.absolute() for folder in folders])
        return studio.page(request, "compare.html", **context)


def _compared(folders: list[Path]) -> tuple[Html, list[Part]]:
    lead, parts = compared_parts(compare_runs(folders))
    return lead, [part for part in parts if part[2]]
