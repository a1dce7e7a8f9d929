"""Who comes in from elsewhere: by a password and a name, slowed down after wrong tries; nobody without, unless said."""

import json
import os
import stat

import pytest
from typer.testing import CliRunner

from src.cli import app
from src.errors import YoyakError
from src.tests.direct_client import direct_client
from src.tests.web.conftest import TOKEN
from src.web import sessions
from src.web.app import create_studio
from src.web.door import _is_from_here
from src.web.entrance import OpenEntrance, PasswordEntrance, TokenEntrance, name_of_person
from src.web.open_address import PASSWORD_VARIABLE, Address, entrance_of
from src.web.sessions import Password, Sessions, WrongTries

HERE = "http://192.168.0.7:8090"
SECRET = "correct horse"


@pytest.fixture
def kept(tmp_path):
    return Sessions(tmp_path / "sessions.json", SECRET, TOKEN)


@pytest.fixture
def stranger(place, kept):
    """A browser of another machine that has not come in yet."""
    door = create_studio(place, TOKEN, entrance=PasswordEntrance(kept, ("studio.example",)))
    with direct_client(door, HERE) as client:
        client.headers.update({"origin": HERE, "accept-language": "en"})
        yield client


def come_in(client, name="Min", password=SECRET, back="/"):
    return client.post("/login", data={"name": name, "password": password, "back": back})


def test_a_stranger_is_led_to_the_login_and_back(stranger):
    led = stranger.get("/runs/one?a=1")
    assert (led.status_code, led.headers["location"]) == (303, "/login?back=%2Fruns%2Fone%3Fa%3D1")
    page = stranger.get(led.headers["location"]).text
    assert 'name="back" value="/runs/one?a=1"' in page
    assert "New run" not in page
    came = come_in(stranger, back="/runs/one?a=1")
    assert (came.status_code, came.headers["location"]) == (303, "/runs/one?a=1")
    cookie = came.headers["set-cookie"]
    assert cookie.startswith("yoyak_session=")
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert 'You are <b translate="no">Min</b>' in stranger.get("/").text


@pytest.mark.parametrize("path", ["/", "/new", "/runs/one/events", "/queue", "/loginx/../settings", f"/?token={TOKEN}"])
def test_nothing_is_shown_before_the_password(stranger, path):
    answer = stranger.get(path, headers={"cookie": f"yoyak_studio={TOKEN}; yoyak_session=x"})
    assert (answer.status_code, answer.text) == (303, "")
    assert answer.headers["location"].startswith("/login?back=")


def test_nothing_is_done_before_the_password(stranger, place):
    assert stranger.post("/runs", data={"experiment": "quickstart"}).status_code == 403
    assert stranger.post("/logout", data={"a": ""}).status_code == 403
    part = stranger.get("/queue", headers={"hx-request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (403, "/login")
    assert not place.own.exists()


def test_the_login_forgets_nothing_but_the_password(stranger):
    wrong = come_in(stranger, "Jun", "wrong", "/new")
    assert wrong.status_code == 403
    assert "That is not the password." in wrong.text
    assert 'value="Jun"' in wrong.text
    assert 'name="back" value="/new"' in wrong.text
    assert "wrong" not in wrong.text
    assert come_in(stranger, back="//evil.example").headers["location"] == "/"


def test_going_out_ends_the_session(stranger, kept):
    come_in(stranger)
    key = stranger.cookies["yoyak_session"]
    assert kept.who(key) == "Min"
    assert stranger.post("/logout", data={"a": ""}).headers["location"] == "/login"
    assert kept.who(key) is None
    stranger.cookies.set("yoyak_session", key)
    assert stranger.get("/").status_code == 303


def test_another_site_can_not_log_in_or_act(stranger):
    for origin in ("http://evil.example", "null", "http://192.168.0.8:8090", "ftp://192.168.0.7:8090"):
        stranger.headers["origin"] = origin
        assert come_in(stranger).status_code == 403
    stranger.headers["origin"] = HERE
    assert come_in(stranger).status_code == 303
    stranger.headers["origin"] = "http://evil.example"
    assert stranger.post("/bin/empty", data={"a": ""}).status_code == 403


@pytest.mark.parametrize(
    ("host", "answers"),
    [
        ("192.168.0.7:8090", True), ("127.0.0.1", True), ("[fe80::1]:8090", True), ("studio.example", True),
        ("STUDIO.example:443", True), (os.uname().nodename, True), ("evil.example", False),
        ("192.168.0.7.evil.example", False), ("", False), ("studio.example.evil", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [OpenEntrance, lambda names: PasswordEntrance(None, names)])
def test_only_names_of_this_studio_are_answered(host, answers, kind):
    assert kind(("studio.example",)).answers_to(host) is answers


def test_a_proxy_may_add_tls_before_others_only():
    assert _is_from_here({b"host": "studio.example", b"origin": "https://studio.example"})
    assert not _is_from_here({b"host": "127.0.0.1", b"origin": "https://127.0.0.1"})


def test_wrong_tries_slow_a_client_down(monkeypatch):
    """Waits of 1, 2, 4 ... seconds behind the third wrong try, 300 at most; other clients are let in at once."""
    clock = [1000.0]
    monkeypatch.setattr(sessions.time, "monotonic", lambda: clock[0])
    tries, waits = WrongTries(), []
    for _ in range(13):
        tries.wrong("10.0.0.1")
        waits.append(tries.wait_seconds("10.0.0.1"))
        clock[0] += waits[-1]
        assert tries.wait_seconds("10.0.0.1") == 0
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert tries.wait_seconds("10.0.0.2") == 0
    for last in "123":
        tries.wrong(f"2001:db8::{last}")  # addresses of one household
    assert tries.wait_seconds("2001:db8::99") == 1
    tries.right("10.0.0.1")
    tries.wrong("10.0.0.1")
    assert tries.wait_seconds("10.0.0.1") == 0


def test_a_client_that_has_to_wait_is_not_looked_at(stranger):
    for _ in range(3):
        assert come_in(stranger, password="wrong one").status_code == 403
    late = come_in(stranger)
    assert late.status_code == 429
    assert "Too many wrong tries. Try again in 1 s." in late.text
    assert late.headers["retry-after"] == "1"


@pytest.mark.parametrize("given", ["", "Correct horse", "correct horse ", "\ud800", "x" * 100_000])
def test_only_the_password_is_the_password(given):
    password = Password(SECRET)
    assert password.is_it(SECRET)
    assert not password.is_it(given)
    assert SECRET.encode() not in b"".join(value for value in vars(password).values() if isinstance(value, bytes))


def test_a_studio_that_comes_back_knows_who_came_in(kept, tmp_path, monkeypatch):
    key = kept.enter("민수")
    file = tmp_path / "sessions.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert key not in file.read_text()
    assert Sessions(file, SECRET, TOKEN).who(key) == "민수"
    assert Sessions(file, "another password", TOKEN).who(key) is None
    assert Sessions(file, SECRET, TOKEN).who("") is None
    monkeypatch.setattr(sessions.time, "time", lambda: 2e9)
    later = kept.enter("Jun")
    assert kept.who(later) == "Jun"
    monkeypatch.setattr(sessions.time, "time", lambda: 2e9 + 31 * 24 * 3600)
    assert kept.who(later) is None
    for content in ("", "[]", '{"a": 1}', '{"a": {"of": "x"}}'):
        file.write_text(content)
        assert Sessions(file, SECRET, TOKEN).who(key) is None


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (" Min ", "Min"), ("민수 김", "민수 김"), ("a\n b", "a b"), ("", None), ("  ", None), ("x" * 41, None),
        ("a\u202eb", None), ("a\0b", None), ("각", "각"),
    ],
)  # fmt: skip
def test_a_name_can_be_shown(given, name):
    assert name_of_person(given) == name


def test_a_nameless_person_stays_out(stranger):
    answer = come_in(stranger, " ")
    assert answer.status_code == 422
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("words", "password", "said"),
    [
        (["--host", "0.0.0.0"], None, "--host 0.0.0.0: others reach this address; set a password in"),
        (["--host", "0.0.0.0", "--no-auth"], None, "to mean that, say --no-auth twice"),
        (["--name", "studio.example"], None, "--name: only this machine reaches 127.0.0.1, by its own names; set a"),
        (["--no-auth"], None, "to mean that, say --no-auth twice"),
        (["--host", "0.0.0.0"], "short", "YOYAK_STUDIO_PASSWORD: must have at least 8 characters"),
        (["--host", "0.0.0.0", "--no-auth", "--no-auth"], SECRET, "exclude each other; name one"),
        (["--host", "0.0.0.0", "--password"], None, "there is no terminal to ask at; set YOYAK_STUDIO_PASSWORD"),
    ],
)
def test_an_open_address_is_refused_in_one_line(folder, monkeypatch, words, password, said):
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    if password is not None:
        monkeypatch.setenv(PASSWORD_VARIABLE, password)
    with pytest.raises(YoyakError, match=said) as refused:
        CliRunner().invoke(app, ["studio", "--port", "0", *words], catch_exceptions=False)
    assert "\n" not in str(refused.value)


def test_who_comes_in_by_what_was_said(folder, monkeypatch):
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    assert isinstance(entrance_of(Address(), True, TOKEN), TokenEntrance)
    opened = entrance_of(Address("0.0.0.0", no_auth=2), False, TOKEN)
    assert opened.who({}, "192.168.0.9") == "192.168.0.9"
    monkeypatch.setenv(PASSWORD_VARIABLE, SECRET)
    entrance = entrance_of(Address("0.0.0.0", names=("studio.example",)), False, TOKEN)
    assert entrance.sessions.password.is_it(SECRET)
    assert entrance.answers_to("studio.example")
    assert PASSWORD_VARIABLE not in os.environ  # or every run would have it


def test_what_people_do_has_their_names(stranger, place, write_studio_run):
    write_studio_run("one")
    come_in(stranger, "Min")
    assert stranger.post("/runs/one/export", data={"to": "hub"}).status_code == 303
    stranger.post("/logout", data={"a": ""})
    come_in(stranger, "Jun <b>")
    stranger.post("/runs/one/delete", data={"a": ""})
    assert "deleted by Jun &lt;b&gt;" in stranger.get("/settings").text
    (binned,) = (place.own / "bin").iterdir()
    stranger.post("/bin/restore", data={"run": binned.name})
    lines = [json.loads(line) for line in (place.own / "actions.jsonl").read_text().splitlines()]
    assert [(line["who"], line["did"], line["about"]) for line in lines] == [
        ("Min", "export", "one"), ("Jun <b>", "delete", "one"), ("Jun <b>", "restore", "one"),
    ]  # fmt: skip
    page = stranger.get("/runs/one").text
    assert "exported by Min (20" in page
    assert "taken back from the bin by Jun &lt;b&gt;" in page
    page = stranger.get("/runs/one", headers={"accept-language": "ko"}).text
    assert "Min 님이 내보냄" in page
