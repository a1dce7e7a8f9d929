"""Who passes: the token, the host, and where a change comes from. And hostile requests, of which none is a fault."""

import string
from random import Random
from urllib.parse import quote

import pytest

from src.tests.direct_client import direct_client
from src.tests.web.conftest import ORIGIN, TOKEN
from src.web.app import create_studio

FORM = {"language": "ko", "back": "/settings"}


@pytest.fixture
def stranger(place):
    with direct_client(create_studio(place, TOKEN), ORIGIN) as client:
        yield client


@pytest.mark.parametrize(
    "path", ["/", "/new", "/static/studio.js", "/runs/one/events", "/nope", f"/?token={TOKEN}x", "/?token="]
)
def test_nobody_passes_without_the_token(stranger, path):
    answer = stranger.get(path)
    assert answer.status_code == 403
    assert "Open the address that yoyak studio printed" in answer.text
    assert TOKEN not in answer.text


def test_the_token_becomes_a_cookie_and_leaves_the_address(stranger):
    answer = stranger.get(f"/settings?token={TOKEN}&a=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings?a=1")
    kept = answer.headers["set-cookie"]
    assert kept.startswith(f"yoyak_studio={TOKEN}; Path=/;")
    assert "HttpOnly" in kept
    assert "SameSite=Strict" in kept
    assert stranger.get("/settings").status_code == 200


def test_a_token_leads_to_no_other_host(stranger):
    assert stranger.get(f"http://127.0.0.1//evil.example/x?token={TOKEN}").headers["location"] == "/evil.example/x"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "192.168.0.7"]
)
def test_only_this_machines_names_are_answered(visitor, host):
    assert visitor.get("/", headers={"host": host}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": ORIGIN}, 303),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:81"}, 403),
        ({"origin": "https://127.0.0.1"}, 403),
        ({}, 403),
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
    ],
)
def test_what_changes_something_comes_from_here(visitor, headers, status):
    del visitor.headers["origin"]
    assert visitor.post("/language", data=FORM, headers=headers).status_code == status


def test_every_answer_forbids_what_pages_do_not_need(visitor, stranger):
    for answer in (visitor.get("/"), visitor.get("/static/studio.js"), visitor.get("/nope"), stranger.get("/")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/runs/..", "/runs/%2e%2e/head", "/runs/..%2f..%2fetc/head", "/runs/%00/head", "/runs/a%00b/events",
        "/runs/.studio/head", "/runs/" + "x" * 5000 + "/head", "/runs/%ff/head",
        "/runs/%f0%9f%98%80/head", "/runs/\u202e/head",
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/vendor", "/?page=-1",
        "/?page=9999999999999", "/?page=%00",
        "/new?experiment=../../etc/passwd", "/new?experiment=/etc/passwd", "/new?like=..", "/new?%ff=%ff", "/new?a.b=c",
        "/new/plan?experiment=quickstart&training.epochs=" + "9" * 5000, "/new/plan?gpu=%27%22%3e",
        "/new/plan?experiment=x.yaml",
        "/new/plan?model.trust_remote_code=true", "/new/plan?experiment.output_dir=/tmp",
        "/new/plan?" + "&".join(f"a{n}=" for n in range(2000)),
        "/new/plan?data.train=/etc/shadow&data.eval=%00", "/new/plan?model.checkpoint=%00", "/new/changes?lora.r=-1",
        "/new/plan?experiment.name=..", "/new/plan?experiment.name=a/b", "/new/plan?lora.target_modules=[[[[",
    ],
)  # fmt: skip
def test_a_hostile_address_is_no_fault(visitor, path):
    answer = visitor.get(path)
    assert answer.status_code in (200, 400, 404, 422), answer.text
    assert "Traceback" not in answer.text
    assert "site-packages" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/runs",
        "/language",
        "/runs/x/stop",
        "/runs/x/resume",
        "/runs/x/delete",
        "/bin/restore",
        "/bin/empty",
        "/runs/x/export",
        "/data",
        "/data/x/split",
        "/data/x/delete",
        "/jobs/x/stop",
    ],
)
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"\xff\xfe=%ff", "application/x-www-form-urlencoded"),
        (b"experiment=%00&a.b=c&run=../..", "application/x-www-form-urlencoded"),
        (b"experiment=quickstart&training.epochs=x;rm -rf /", "application/x-www-form-urlencoded"),
        (b"x" * (2 << 20), "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
    ],
)
def test_a_hostile_form_is_no_fault(visitor, path, body, kind, monkeypatch):
    monkeypatch.setattr("src.web.processes.program", lambda: ["true"])
    answer = visitor.post(path, content=body, headers={"content-type": kind})
    assert answer.status_code in (303, 400, 404, 409, 413, 415, 422), answer.text
    assert "Traceback" not in answer.text


def test_random_addresses_are_no_fault(visitor):
    random = Random(23)
    for _ in range(300):
        path = "".join(random.choice(string.printable[:94] + "é가\u202e") for _ in range(random.randrange(40)))
        start = random.choice(["/", "/runs/", "/new?", "/new/plan?", "/static/", "/runs/one/"])
        method = random.choice(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
        status = visitor.request(method, ORIGIN + start + quote(path, safe="/?&=%;+")).status_code
        assert status < 500, (method, start + path)
