"""Pages in both languages: halves of what templates say, hostile texts, and what is vendored."""

import base64
import hashlib
import json
import re
import tomllib
from pathlib import Path

import pytest

from src import web
from src.web.language import language_of

WEB = Path(web.__file__).parent
TEMPLATES = sorted((WEB / "templates").glob("*.html"))
HOSTILE = "<script>alert(1)</script>{{ 7*7 }}<img src=x onerror=alert(1)>\"'&"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_say_nothing_in_one_language_only(template):
    """All words stand in `t("English", "한국어")`, or come from a text with two halves."""
    source = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", template.read_text(encoding="utf-8"), flags=re.S)
    source = re.sub(
        r"<(code|title)[^>]*>.*?</\1>|<b translate=\"no\">.*?</b> studio|translate=\"no\"[^<]*", "", source, flags=re.S
    )
    assert re.findall(r"\b(?!GB\b|ROUGE\b)[A-Za-z가-힣]{2,}", re.sub(r"<[^>]*>", " ", source)) == []
    whole = template.read_text(encoding="utf-8")
    for english, korean in re.findall(
        r't\(\s*"((?:[^"\\]|\\.)*)"(?:[^,()]|\.format\([^)]*\))*,\s*"((?:[^"\\]|\\.)*)"', whole
    ):
        assert not re.search("[가-힣]", english), english
        assert english == korean or re.search("[가-힣]", korean), korean


def test_no_template_turns_escaping_off():
    for template in TEMPLATES:
        assert not re.search(r"\|\s*safe|autoescape|<script(?![^>]*src=)|\son\w+=|style=", template.read_text()), (
            template
        )


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        (None, "", "en"), (None, "ko-KR,ko;q=0.9,en;q=0.8", "ko"), (None, "fr,en;q=0.5", "en"), ("ko", "en", "ko"),
        ("en", "ko", "en"), ("xx", "ko", "ko"), (None, "kok", "en"), (None, "de", "en"),
    ],
)  # fmt: skip
def test_the_language_is_the_cookies_else_the_browsers(cookie, accepted, language):
    assert language_of(cookie, accepted) == language


def test_a_chosen_language_stays(visitor):
    assert '<html lang="ko">' in visitor.get("/", headers={"accept-language": "ko"}).text
    answer = visitor.post("/language", data={"language": "ko", "back": "/settings?a=1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings?a=1")
    assert "설정" in visitor.get("/settings").text
    assert visitor.post("/language", data={"language": "fr"}).status_code == 400


@pytest.mark.parametrize(
    "back", ["//evil.example", "http://evil.example/", "/\\evil.example", "javascript:alert(1)", "", "[", "/a\nb"]
)
def test_the_way_back_leads_to_no_other_host(visitor, back):
    assert visitor.post("/language", data={"language": "en", "back": back}).headers["location"] == "/"


@pytest.mark.parametrize("path", ["/", "/runs/one", "/runs/one/head", "/runs/one/content", "/new?like=one"])
def test_texts_of_runs_do_not_become_markup(visitor, write_studio_run, path):
    run = write_studio_run("one", error=HOSTILE, command=HOSTILE, config={"model": {"checkpoint": HOSTILE}})
    row = {
        "fname": HOSTILE,
        "topic": HOSTILE,
        "dialogue": f"A: {HOSTILE}",
        "summary": HOSTILE,
        "zero_shot": HOSTILE,
        "fine_tuned": HOSTILE,
    }
    (run / "predictions.jsonl").write_text(json.dumps(row) + "\n")
    answer = visitor.get(path)
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert "49" not in re.sub(r"[^ ]*\d{3,}[^ ]*", "", answer.text) or "{{ 7*7 }}" in answer.text


def test_the_content_of_a_run_is_its_reports(visitor, write_studio_run):
    write_studio_run("one")
    page = visitor.get("/runs/one/content").text
    assert "85.64" in page
    assert '<h2 id="scores-heading">Scores</h2>' in page
    report = visitor.get("/runs/one/report")
    assert "script-src 'sha256-" in report.headers["content-security-policy"]
    assert "</html>" in report.text


def test_what_is_vendored_is_what_npm_has():
    vendor = WEB / "static" / "vendor"
    known = json.loads((vendor / "versions.json").read_text())
    files = {Path(file).name: digest for package in known.values() for file, digest in package["files"].items()}
    assert files == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in vendor.glob("*.*") if path.name in files
    }
    assert len(files) == 3
    assert {package: (one["version"], one["licence"]) for package, one in known.items()} == {
        "htmx.org": ("2.0.11", "0BSD"),
        "uplot": ("1.6.32", "MIT"),
    }
    assert all(len(base64.b64decode(one["npm_integrity"].removeprefix("sha512-"))) == 64 for one in known.values())


def test_the_wheel_holds_every_file_of_the_pages():
    settings = tomllib.loads((WEB.parents[1] / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = settings["package-data"]["yoyak.web"]
    files = [path.relative_to(WEB) for path in WEB.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    assert len(files) > 20
    assert [file for file in files if not any(file.match(pattern) for pattern in patterns)] == []


def test_a_page_loads_little(visitor):
    page = visitor.get("/").text
    loaded = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    whole = len(page.encode()) + sum(len(visitor.get(address).content) for address in loaded)
    assert whole < 250_000
    assert not re.findall(r'(?:href|src|action)="(?:https?:)?//', page)


def test_a_file_that_is_known_is_not_sent_again(visitor):
    first = visitor.get("/static/studio.css")
    again = visitor.get("/static/studio.css", headers={"if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
