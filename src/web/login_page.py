"""Coming in with a password, under a name, and going out."""

import asyncio
import math

from fastapi import FastAPI, Request, Response

from ..bilingual import Text
from .entrance import SESSION_COOKIE, Entrance, PasswordEntrance, name_of_person
from .forms import read_form
from .pages import own_address
from .place import PageError
from .sessions import SESSION_SECONDS
from .studio import Studio, apart, see

_WRONG = Text("That is not the password.", "비밀번호가 아닙니다.")
_NAMELESS = Text("Write a name of 1 to 40 characters.", "이름을 1자에서 40자까지 적어 주세요.")


def add_login_page(app: FastAPI, studio: Studio, entrance: Entrance) -> None:
    """Add `/login` and `/logout`, where people come in by a password."""
    if not isinstance(entrance, PasswordEntrance):
        return
    sessions, one_at_a_time = entrance.sessions, asyncio.Semaphore(1)

    def shown(request: Request, status: int = 200, said: str | None = None, **given: str) -> Response:
        context = {"name": "", "back": own_address(request.query_params.get("back", "/"))} | given
        return studio.page(request, "login.html", status, refusal=said, **context)

    @app.get("/login", response_model=None)
    async def login(request: Request) -> Response:
        """Ask for the password and a name."""
        return shown(request)

    @app.post("/login", response_model=None)
    async def enter(request: Request) -> Response:
        """Let in who gives the password."""
        fields = dict(await read_form(request))
        client = request.client.host if request.client else ""
        kept = {"name": fields.get("name", "")[:100], "back": own_address(fields.get("back", "/"))}
        async with one_at_a_time:  # or the tries of one moment would all be looked at
            if wait := sessions.tries.wait_seconds(client):
                seconds = math.ceil(wait)
                said = Text(
                    f"Too many wrong tries. Try again in {seconds} s.",
                    f"비밀번호가 여러 번 틀렸습니다. {seconds}초 뒤에 다시 해 주세요.",
                )
                answer = shown(request, 429, said, **kept)
                answer.headers["Retry-After"] = str(seconds)
                return answer
            if not await apart(sessions.password.is_it, fields.get("password", "")):
                sessions.tries.wrong(client)
                return shown(request, 403, _WRONG, **kept)
        name = name_of_person(fields.get("name", ""))
        if name is None:
            return shown(request, 422, _NAMELESS, **kept)
        sessions.tries.right(client)
        try:
            key = await apart(sessions.enter, name)
        except OSError as error:
            reason = error.strerror or "?"
            raise PageError(507, Text(f"It can't be kept: {reason}", f"저장할 수 없습니다: {reason}")) from None
        came_in = see(kept["back"])
        came_in.set_cookie(SESSION_COOKIE, key, max_age=SESSION_SECONDS, samesite="strict", httponly=True)
        return came_in

    @app.post("/logout", response_model=None)
    async def leave(request: Request) -> Response:
        """Let someone go out."""
        await read_form(request)
        await apart(sessions.leave, request.cookies.get(SESSION_COOKIE, ""))
        gone = see("/login")
        gone.delete_cookie(SESSION_COOKIE, samesite="strict", httponly=True)
        return gone
