"""What every request passes first: the host that it names, who asks, and where a change comes from."""

from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..serving.hosts import names_this_machine
from .entrance import TOKEN_COOKIE, Entrance, TokenEntrance

_SAFE_METHODS = ("GET", "HEAD")
_OPEN_PATHS = ("/login", "/static/", "/language")
_YEAR_SECONDS = 365 * 24 * 3600
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_REFUSED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>yoyak studio</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<body><main><h1>yoyak studio</h1><p>{english}</p><p lang="ko">{korean}</p></main></body></html>
"""


class Door:
    """An ASGI application around the studio's: no stranger passes, and no other site's page changes a thing.

    A token in the address becomes a cookie that no script can read and no other site's page can send; where there is a
    password, who has no session is led to the page that asks for it. `Host` must name this machine, or a name that was
    made to point here (DNS rebinding) could use it; what changes something must say by `Origin` (or `Sec-Fetch-Site`)
    that it comes from the studio's own pages. Who asks stands in the request's state (`who`).
    """

    def __init__(self, app: ASGIApp, entrance: Entrance) -> None:
        """Wrap `app`; `entrance` tells who may come in."""
        self._app, self._entrance = app, entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":  # there are no web sockets
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        send = _with_headers(send, scope["method"])
        if not self._entrance.answers_to(headers.get(b"host", "")):
            await _refuse(
                send, "The studio answers to this machine's own names only.", "이 컴퓨터의 이름으로만 열 수 있습니다."
            )
            return
        who = self._entrance.who(_cookies(headers.get(b"cookie", "")), (scope.get("client") or ("", 0))[0])
        scope.setdefault("state", {}).update(who=who, has_login=self._entrance.has_login)
        if isinstance(self._entrance, TokenEntrance) and await self._keeps_token(scope, self._entrance, send):
            return
        passes = who is not None or (self._entrance.has_login and scope["path"].startswith(_OPEN_PATHS))
        if passes and scope["method"] not in _SAFE_METHODS and not _is_from_here(headers):
            await _refuse(send, "This request comes from another site.", "다른 사이트에서 온 요청입니다.")
        elif passes:
            await self._app(scope, receive, send)
        elif self._entrance.has_login:
            await _lead_to_login(scope, headers, send)
        else:
            await _refuse(
                send,
                "Open the address that yoyak studio printed in the terminal: it holds the key to these pages.",
                "터미널에 yoyak studio가 출력한 주소로 열어 주세요. 그 주소에 이 페이지를 여는 열쇠가 들어 있습니다.",
            )

    async def _keeps_token(self, scope: Scope, entrance: TokenEntrance, send: Send) -> bool:
        """Make a cookie of a right token in the address; tell whether there was one."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token")
        if given is None or scope["method"] not in _SAFE_METHODS or not entrance.knows(given):
            return False
        rest = urlencode([pair for pair in query if pair[0] != "token"])
        await _redirect(send, scope.get("raw_path", b"/").decode("latin-1") + (f"?{rest}" if rest else ""), given)
        return True


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _is_from_here(headers: dict[bytes, str]) -> bool:
    origin, host = headers.get(b"origin"), headers[b"host"]
    if origin is None:
        return headers.get(b"sec-fetch-site") == "same-origin"
    if origin == f"https://{host}":  # a proxy that adds TLS stands before a studio for others only
        return not names_this_machine(host.encode("latin-1"))
    return origin == f"http://{host}"


def _with_headers(send: Send, method: str) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            # Who goes back to a refused form would else be asked by the browser to send it again, in place of the page.
            is_refused_form = method not in _SAFE_METHODS and message["status"] >= 400
            kept = b"private, no-cache" if is_refused_form else b"no-store"
            own = {name.lower() for name, _ in message["headers"]}
            extra = [pair for pair in (*_HEADERS, (b"cache-control", kept)) if pair[0] not in own]
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return guarded


async def _refuse(send: Send, english: str, korean: str) -> None:
    await _answer(send, 403, _REFUSED.format(english=english, korean=korean).encode(), [])


async def _lead_to_login(scope: Scope, headers: dict[bytes, str], send: Send) -> None:
    """Lead a stranger to the page that asks for the password; a page that is open already leads itself there."""
    if headers.get(b"hx-request") == "true":
        await _answer(send, 403, b"", [(b"hx-redirect", b"/login")])
    elif scope["method"] in _SAFE_METHODS:
        query = scope["query_string"].decode("latin-1")
        back = scope.get("raw_path", b"/").decode("latin-1") + (f"?{query}" if query else "")
        await _answer(send, 303, b"", [(b"location", f"/login?{urlencode({'back': back})}".encode("latin-1"))])
    else:
        await _refuse(send, "Log in first, on the studio's first page.", "먼저 스튜디오 첫 페이지에서 로그인해 주세요.")


async def _redirect(send: Send, place: str, token: str) -> None:
    """Keep the token as a cookie and go on without it in the address, where a history would keep it."""
    own = "/" + place.lstrip("/\\")  # `//host` would lead to another one
    cookie = f"{TOKEN_COOKIE}={token}; Path=/; Max-Age={_YEAR_SECONDS}; HttpOnly; SameSite=Strict"
    await _answer(send, 303, b"", [(b"location", own.encode("latin-1")), (b"set-cookie", cookie.encode("latin-1"))])


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    whole = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": whole})
    await send({"type": "http.response.body", "body": body})
