"""A folder of runs, data and commands of which every text is hostile, and where each page of it is."""

import csv
import json
import string
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlencode

from fastapi.routing import APIRoute

from src.tests.reports.conftest import METRICS, RUN
from src.tests.reports.test_search_page import RECORD as SEARCHED
from src.web.place import Place

TEXT = "<script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}\"'`&</textarea></title><!--"
NAME = "<img src=x onerror=alert(1)>'\"&{{7*7}}#?% ;가"
"""A name that folders may have."""
SEARCH = f"{NAME} search"
JOB = "20261124-120000-0123abcd"
_AS_IT_IS = {"status", "started", "ended", "at", "type", "state", "kind", "objective", "tokenization"}


def hostile(value: Any, name: str = "") -> Any:
    """Return JSON-like data with the hostile text in all its texts, but for those of `_AS_IT_IS`."""
    if isinstance(value, str):
        return value if name in _AS_IT_IS else value + TEXT
    if isinstance(value, list):
        return [hostile(item) for item in value]
    if isinstance(value, dict):
        return {key: hostile(item, key) for key, item in value.items()}
    return value


def write_hostile_place(place: Place) -> None:
    """Write two runs, two data files, a search, a job, a run that waits, and one in the bin."""
    for run_name in (NAME, "one", f".studio/bin/{NAME}~20261124-120000"):
        run = place.runs / run_name
        (run / "final_model").mkdir(parents=True)
        record = hostile(RUN) | {"error": TEXT, "command": f"yoyak train --experiment smollm2_135m {TEXT}"}
        record["config"] = {
            "model": {"checkpoint": TEXT},
            "experiment": {"name": TEXT, "tags": [TEXT]},
            TEXT: {TEXT: TEXT},
        }
        record["settings_changed"] = {
            "model.checkpoint": {"base": TEXT, "value": TEXT},
            TEXT: {"base": TEXT, "value": [TEXT]},
        }
        record["data"]["train"]["dropped"] = {TEXT: 2}
        (run / "run.json").write_text(json.dumps(record))
        (run / "metrics.jsonl").write_text("".join(json.dumps(line | {TEXT: 1.0}) + "\n" for line in METRICS))
        (run / "train.log").write_text(f"{TEXT}\n\x1b[31m\x00\x07{TEXT}\n")
        rows = [
            {"fname": f"{n}{TEXT}", "topic": TEXT, "dialogue": f"{TEXT}: {TEXT}\nB: at {n} {TEXT}", "summary": TEXT,
             "zero_shot": f"{TEXT} {run_name}", "fine_tuned": f"{run_name} at {n} {TEXT}"}
            for n in range(3)
        ]  # fmt: skip
        (run / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = place.own / "data"
    data.mkdir()
    for file in (f"{NAME}.csv", "mine.csv"):
        with (data / file).open("w", newline="") as opened:
            csv.writer(opened).writerows(
                [
                    ["fname", "dialogue", "summary", "topic", TEXT],
                    [TEXT, f"{TEXT}: {TEXT}\n{TEXT}", TEXT, TEXT, TEXT],
                    [TEXT, TEXT, TEXT, TEXT, TEXT],  # its id is there twice
                ]
            )
    search = place.runs / SEARCH
    search.mkdir()
    (search / "clock.json").write_text(json.dumps({"spent": 30.0, "since": None, "seen": 90.0, "deadline": 600.0}))
    (search / "search.json").write_text(json.dumps(hostile(SEARCHED)))
    (search / "best.yaml").write_text(TEXT)
    (search / "search.html").write_text("<!doctype html><title>x</title>")
    waiting = {
        "about": f"{NAME} 2",
        "words": ["train", "--experiment", TEXT],
        "who": TEXT,
        "key": "0123456789abcdef",
        "since": 0.0,
    }
    (place.own / "queue.jsonl").write_text(json.dumps(waiting) + "\n")
    did = {"at": "2026-11-24T12:00:00+00:00", "who": TEXT, "did": "start", "about": NAME}
    (place.own / "actions.jsonl").write_text(json.dumps(did) + "\n" + json.dumps(did | {"did": TEXT}) + "\n")
    job = place.own / "started" / JOB
    job.mkdir(parents=True)
    started = {"key": JOB, "kind": "export", "about": NAME, "command": ["yoyak", TEXT], "pid": 1, "began": 0.0}
    (job / "start.json").write_text(json.dumps(started))
    (job / "output.log").write_text(f"{TEXT}\r{TEXT}\n\x1b[2J{TEXT}\x00")


_PLACES = {"/runs/{name}": NAME, "/searches/{name}": SEARCH, "/data/{key}": f"{NAME}.csv", "/jobs/{key}": JOB}
"""What stands for the parameter at the beginning of an address."""
_STATIC = "/static/{name:path}"
_LEADING = ("href", "src", "action", "formaction", "hx-get", "hx-post", "data-run", "data-ask")


def names_in(route: APIRoute) -> list[str]:
    """Return the parameters in a route's address."""
    return names_in_path(route.path)


def names_in_path(path: str) -> list[str]:
    """Return the parameters in an address."""
    return [name for _, name, _, _ in string.Formatter().parse(path) if name]


def address_of(route: APIRoute, values: dict[str, str]) -> str:
    """Return a route's address with values, which are quoted already, for its parameters."""
    address = route.path.replace(":path}", "}")
    for name, value in values.items():
        address = address.replace(f"{{{name}}}", value)
    return address


def pages_of(route: APIRoute) -> list[str]:
    """Return where a route's pages in the hostile place are, also with a hostile text for each field of a query."""
    if route.path == _STATIC:
        return []
    begins = next((begins for begins in _PLACES if route.path.startswith(begins)), "")
    names = names_in(route)
    assert names == names_in_path(begins), f"{route.path}: say in hostile.py what of the hostile place is there"
    address = address_of(route, {name: quote(_PLACES[begins], safe="") for name in names})
    fields = [
        "experiment.name", "model.checkpoint", "data.train", "data.eval", "lora.r", "training.epochs", "topic",
        "dialogue_column", "encoding", "page", "order", "size", "a.b", TEXT,
    ]  # fmt: skip
    every_text = urlencode([(field, TEXT) for field in fields])
    known = urlencode(
        [("like", NAME), ("a", NAME), ("b", "one"), ("run", NAME), ("run", "one"), ("beside", "one"), ("topic", TEXT),
         ("other", "mine.csv")]
    )  # fmt: skip
    choices = urlencode({"gpu": TEXT, "experiment": TEXT})
    return [address, *(f"{address}?{query}" for query in (every_text, known, choices))]


class Markup(HTMLParser):
    """Collects what a page holds that could run, load or lead elsewhere."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._page_of_its_own = 'http-equiv="Content-Security-Policy"' in page
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Look at a tag."""
        given = {name: value or "" for name, value in attributes}
        if tag in ("img", "iframe", "object", "embed", "base", "frame", "video", "audio"):
            self.found.append(f"<{tag}>")
        if tag == "script" and not self._page_of_its_own and not given.get("src", "").startswith("/static/"):
            self.found.append(f"<script {given}>")
        for name, value in given.items():
            leads_on = name in _LEADING and value not in ("", "data:,")
            is_own = value.startswith(("/", "?", "#")) and not value.startswith(("//", "/\\"))
            if name.startswith(("on", "hx-on", "hx-vals")) or (leads_on and not is_own):
                self.found.append(f"{name}={value}")
