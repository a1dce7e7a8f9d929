"""The page of the blind vote."""

from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response

from ..bilingual import Text
from .forms import fields_of, read_form
from .place import PageError
from .run_list import RUNS_A_PAGE
from .studio import Studio, apart, keep, see, who_asks
from .votes import BEFORE_MARK, Duel, add_vote, duels, read_votes, result_of
from .worker import WORKER


def add_vote_page(app: FastAPI, studio: Studio) -> None:
    """Add `/vote`."""

    @app.get("/vote", response_model=None)
    async def vote(request: Request) -> Response:
        """Choose two systems, or show the next dialogue."""
        given = dict(fields_of(request.scope["query_string"]))
        a, b = given.get("a", ""), given.get("b", "")
        context: dict[str, Any] = {"a": a, "b": b, "duel": None, "result": None, "people": [], "done": 0, "total": 0}
        names = (await apart(studio.place.run_names))[:RUNS_A_PAGE]
        context["systems"] = [system for name in names for system in (name, f"{name}{BEFORE_MARK}")]
        if a and b and a != b:
            found = await _duels(studio, a, b)
            votes = await apart(read_votes, studio.place, a, b, found)
            own = votes.get("", {}) | votes.get(who_asks(request) or "", {})
            left = [duel for duel in found if duel.key not in own]
            context |= {"duel": left[0] if left else None, "done": len(found) - len(left), "total": len(found)}
            context["result"] = result_of(found, votes.values())
            context["people"] = [(name, result_of(found, [of_one])) for name, of_one in votes.items()]
        return studio.page(request, "vote.html", before=BEFORE_MARK, **context)

    @app.post("/vote", response_model=None)
    async def choose(request: Request) -> Response:
        """Keep a vote and show the next dialogue."""
        given = dict(await read_form(request))
        a, b, side = given.get("a", ""), given.get("b", ""), given.get("side")
        if side not in ("left", "right", "tie"):
            raise PageError(400, Text("Choose a side.", "한쪽을 골라 주세요."))
        duel = next((one for one in await _duels(studio, a, b) if one.key == given.get("key")), None)
        if duel is None:
            raise PageError(404, Text("There is no such dialogue.", "그런 대화가 없습니다."))
        await apart(add_vote, studio.place, a, b, duel, side, who_asks(request) or "")
        await keep(studio, request, "vote", f"{a} {b}")
        return see(f"/vote?{urlencode({'a': a, 'b': b})}")


async def _duels(studio: Studio, a: str, b: str) -> list[Duel]:
    for name in (a, b):
        studio.place.run(name.partition(BEFORE_MARK)[0])
    return await WORKER.call(duels, studio.place.absolute(), a, b)
