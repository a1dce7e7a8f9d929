"""Every route of the studio, a new one too: hostile requests are no fault, and hostile texts no markup."""

from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute

from src.resources import configs_dir
from src.tests.direct_client import direct_client
from src.tests.web.conftest import ORIGIN, TOKEN
from src.tests.web.hostile import NAME, TEXT, Markup, address_of, names_in, pages_of, write_hostile_place
from src.web.app import create_studio
from src.web.entrance import PasswordEntrance
from src.web.place import Place
from src.web.run_events import ENDING
from src.web.sessions import Sessions

ROUTES = [
    route
    for route in create_studio(
        Place(Path("outputs")), TOKEN, entrance=PasswordEntrance(Sessions(Path("none.json"), "secret", TOKEN))
    )._app.routes
    if isinstance(route, APIRoute)
]
GET, POST = ([route for route in ROUTES if method in route.methods] for method in ("GET", "POST"))
FORM = "application/x-www-form-urlencoded"
NAMES = [
    "..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%00", "one%00", ".studio", "x" * 5000, "%ff", "%ed%a0%80",
    "%f0%9f%98%80",
    "\u202e", "a\\b", "%5c..%5c", "-rf", "~", "*", "one ", "%20", "{name}", "%7B%7D", "<script>", "one;a=b", "con",
    "1e999",
    "%25%32%65", "one%0d%0aSet-Cookie:%20a=b",
]  # fmt: skip
QUERIES = [
    "%ff=%ff", "=", "&&&", "a" * 9000, "&".join(f"a{n}=" for n in range(2000)), "a.b=c", "page=-1", "page=%EF%BC%91",
    "page=" + "9" * 5000, "page=1e9", "run=..&run=..", "run=%00", "a=..&b=%00", "a=one&b=one~before~before",
    "beside=%2e%2e&order=__class__&topic=%00&size=x", "like=..", "like=%ff", "experiment=../../etc/passwd",
    "experiment=",
    "experiment=%00", "gpu=%27%22%3E", "other=..%2f..%2fetc", "encoding=klingon", "encoding=utf-16", "records=a.b.c",
    "dialogue_column=%00&summary_column=" + "x" * 3000, "data.train=%2Fetc%2Fshadow&data.eval=%00",
    "model.checkpoint=%00",
    "experiment.name=..", "training.epochs=nan", "lora.target_modules=[[[[", "lora.r=!!python/object:os.system%20x",
    "model.trust_remote_code=true", "experiment.output_dir=/tmp", "token=x", "name=../../x.csv", "name=%00.csv",
]  # fmt: skip
HEADERS = [
    {"accept-language": "k" * 9000}, {"accept-language": "\xff;q=x,,,-"},
    {"cookie": "yoyak_language=\xff; =;;; a=\x01"},
    {"hx-request": "true"}, {"hx-request": "true", "hx-target": "<script>"}, {"if-none-match": '"' * 5000},
    {"if-modified-since": "x"}, {"range": "bytes=9-1,x-"}, {"range": "bytes=0-0,-1"}, {"content-length": "-1"},
    {"content-type": "\xff"}, {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}, {"expect": "x"},
    {"transfer-encoding": "x"}, {"accept": "application/json"}, {"referer": "javascript:alert(1)"},
]  # fmt: skip
BODIES = [
    (b"", FORM), (b"\xff\xfe=%ff", FORM), (b"a=%ed%a0%80", FORM), (b"&" * 5000, FORM), (b"x" * (2 << 20), FORM),
    (b"run=../..&share=9&to=../x&side=up&language=xx&back=//evil.example&key=%00", FORM),
    (b"experiment=quickstart&experiment.name=a;rm -rf /&training.epochs=x;rm -rf /", FORM),
    (b"experiment=%00&a.b=c&method=full&gpu=x", FORM),
    (b"share=0.1&encoding=%0a--overwrite&dialogue_column=--out%3D/", FORM),
    (b"to=gguf&quantization=--out", FORM), (b"{}", "application/json"), (b"[" * 100_000, "application/json"),
    (b"--x\r\n\r\n", "multipart/form-data; boundary=x"), (b"\x00" * 1000, "application/octet-stream"), (b"a=b", ""),
]  # fmt: skip
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "\u0141"]


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    """Who came in; made once, since a password's digest takes longer than most tests here."""
    return Sessions(tmp_path_factory.mktemp("home") / "sessions.json", "secret", TOKEN)


@pytest.fixture
def visitor(place, sessions):
    """Someone who came in by a password, where there are all routes."""
    with direct_client(create_studio(place, TOKEN, entrance=PasswordEntrance(sessions)), ORIGIN) as client:
        client.headers.update({"origin": ORIGIN, "accept-language": "en"})
        client.cookies.set("yoyak_session", sessions.enter(NAME[:40]))
        assert client.get("/settings").status_code == 200
        yield client


@pytest.fixture(autouse=True)
def streams_end(monkeypatch):
    """No stream of a run waits for more, and nothing that a form starts is a training."""
    monkeypatch.setattr("src.web.processes.program", lambda: ["true"])
    ENDING.set()
    yield
    ENDING.clear()


def is_no_fault(answer, what, tmp_path):
    assert answer.status_code < 500, (what, answer.text[:500])
    assert "Traceback" not in answer.text, what
    assert "site-packages" not in answer.text, what
    if answer.status_code >= 400:
        for place in (str(tmp_path), str(configs_dir().parent), str(Path.home())):
            assert place not in answer.text, what


def known_names(route):
    return {name: {"key": "mine.csv", "which": "base", "action": "stop"}.get(name, "one") for name in names_in(route)}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{min(route.methods)} {route.path}")
def test_a_hostile_request_of_any_route_is_no_fault(visitor, write_studio_run, brought_file, tmp_path, route):
    write_studio_run("one")
    (method,) = route.methods
    form = {"content-type": FORM} if method == "POST" else {}
    body = b"a=b" if method == "POST" else None
    for value in NAMES if names_in(route) else []:
        address = address_of(route, dict.fromkeys(names_in(route), value))
        is_no_fault(visitor.request(method, address, content=body, headers=form), address, tmp_path)
    address = address_of(route, known_names(route))
    for query in QUERIES:
        is_no_fault(visitor.request(method, f"{address}?{query}", content=body, headers=form), query, tmp_path)
    for headers in HEADERS:
        sent = [(name.encode(), value.encode("latin-1")) for name, value in (form | headers).items()]
        is_no_fault(visitor.request(method, address, content=body, headers=sent), headers, tmp_path)
    for other in METHODS:
        if other.upper() != "POST":
            is_no_fault(visitor.request(other, address), other, tmp_path)
    for content, kind in BODIES:
        answer = visitor.request("POST", address, content=content, headers={"content-type": kind})
        is_no_fault(answer, (content[:50], kind), tmp_path)


@pytest.mark.parametrize("route", GET, ids=lambda route: route.path)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_hostile_text_is_no_markup_on_any_page(visitor, place, route, language):
    write_hostile_place(place)
    for address in pages_of(route):
        answer = visitor.get(address, headers={"accept-language": language})
        assert answer.status_code in (200, 303, 400, 404, 422), address
        if answer.headers.get("content-type", "").startswith("text/html"):
            assert Markup(answer.text).found == [], address
            assert "{{ 7*7 }}" in answer.text or "{{7*7}}" in answer.text or TEXT[:8] not in answer.text, address


def test_hostile_texts_are_on_the_pages(visitor, place):
    """The test above would pass where nothing is shown."""
    write_hostile_place(place)
    name = quote(NAME, safe="")
    for address in ("/", f"/runs/{name}", f"/runs/{name}/content", f"/runs/{name}/summaries", f"/runs/{name}/export",
                    f"/runs/{name}/try", f"/data/{name}.csv", "/data", "/compare", "/vote", "/settings", "/queue",
                    f"/new?like={name}", f"/vote?a={name}&b=one", f"/searches/{name}%20search"):  # fmt: skip
        page = visitor.get(address)
        assert page.status_code == 200, address
        assert "&lt;img src=x onerror=alert(1)&gt;" in page.text, address


def test_the_routes_of_all_ways_in_are_among_them():
    assert {"/", "/login", "/queue", "/runs/{name}/events"} <= {route.path for route in GET}
    assert {"/login", "/logout", "/runs", "/queue/{key}/{way}"} <= {route.path for route in POST}


def test_the_look_at_markup_sees_what_would_run():
    assert Markup("<p onclick=x>").found == ["onclick=x"]
    assert Markup("<a href='javascript:alert(1)'>").found == ["href=javascript:alert(1)"]
    assert Markup("<img src=x>").found == ["<img>", "src=x"]
    assert Markup("<script>alert(1)</script>").found == ["<script {}>"]
    assert Markup("<form action='//evil.example'>").found == ["action=//evil.example"]
    assert Markup('<a href="/runs/one"><script src="/static/studio.js"></script>').found == []
