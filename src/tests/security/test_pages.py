"""Pages made of hostile texts, in Chromium: with their policy and without it, nothing of them becomes markup."""

import copy
import itertools
import json
import re
from pathlib import Path
from typing import Any

from src.reports.compare_page import render_comparison
from src.reports.comparison import compare_runs
from src.reports.report import write_report
from src.tests.chromium import needs_chromium
from src.tests.commands.conftest import folder, write_csv, yoyak  # noqa: F401
from src.tests.reports.conftest import METRICS, PREDICTIONS, RUN

pytestmark = needs_chromium

HOSTILE = [
    "<script>window.pwned=1;alert(1)</script>",
    "<img src=x onerror=\"window.pwned=1;fetch('http://evil.example/')\">",
    "</script><script>window.pwned=1</script>",
    '"><svg onload=window.pwned=1>',
    "' onmouseover='window.pwned=1' x='",
    "</code></pre></table></main><iframe src=javascript:parent.pwned=1></iframe>",
    "<a href=javascript:window.pwned=1>x</a><base href=http://evil.example/>",
    "</style><style>*{display:none}</style><link rel=stylesheet href=http://evil.example/x.css>",
    "</title><meta http-equiv=refresh content=0;url=http://evil.example/>",
    "<!--<script>--> {{7*7}} ${7*7} \\u003cscript>window.pwned=1</script>",
    "<math><mtext><table><mglyph><style><img src=x onerror=window.pwned=1>",
    "&lt;script&gt; \u2028window.pwned=1 <ScRiPt/x>window.pwned=1</sCrIpT>",
]
_KEPT = {"status", "started", "ended", "tokenization"}


def hostile(value: Any, texts: Any, name: str = "") -> Any:
    """Return JSON data with a hostile text before each of its texts (but those that are words of ours)."""
    if isinstance(value, dict):
        return {key: hostile(item, texts, key) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile(item, texts, name) for item in value]
    return f"{next(texts)}{value}" if isinstance(value, str) and name not in _KEPT else value


def hostile_run(path: Path, number: int) -> Path:
    texts = itertools.cycle(HOSTILE)
    run = hostile(copy.deepcopy(RUN), texts)
    run["versions"] |= {text: text for text in HOSTILE}
    run["settings_changed"] |= {text: {"base": text, "value": [text, number]} for text in HOSTILE}
    run["config"] = {"model": {"checkpoint": HOSTILE[number]}, "data": {"train": HOSTILE}, "training": {"seed": number}}
    run["data"]["train"]["dropped"] = dict.fromkeys(HOSTILE, 1)
    rows = [
        {"fname": text, "topic": text, "dialogue": f"{text}: 안녕 {text}\nB: {text}", "summary": text,
         "zero_shot": text, "fine_tuned": text + str(number)}
        for text in HOSTILE
    ]  # fmt: skip
    path.mkdir()
    (path / "run.json").write_text(json.dumps(run))
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in METRICS))
    predictions = [*rows, *hostile(PREDICTIONS, texts)]
    (path / "predictions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in predictions))
    return path


def check(browser, path: Path) -> None:
    """Fail where a page runs, asks for or contains what its texts spell."""
    written = path.read_text(encoding="utf-8")
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', written)
    assert policy
    assert "default-src 'none'" in policy[0]
    without = path.with_name("without.html")
    without.write_text(written.replace(policy[0], ""), encoding="utf-8")
    for file in (path, without):
        page = browser.new_page()
        asked, dialogs = [], []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("dialog", lambda dialog, dialogs=dialogs: (dialogs.append(dialog.message), dialog.dismiss()))
        page.goto(file.as_uri())
        for element in page.query_selector_all("details > summary, [data-language]"):
            element.evaluate("node => node.click()")
        page.mouse.move(300, 300)
        assert page.evaluate("window.pwned") is None
        assert dialogs == []
        assert [url for url in asked if url != file.as_uri() and not url.startswith("data:")] == []
        count = "selector => document.querySelectorAll(selector).length"
        assert page.evaluate(count, "script") == 1
        assert page.evaluate(count, "img, iframe, base, form, object, embed, math, meta[http-equiv=refresh]") == 0
        assert (
            page.evaluate(count, "a[href^='javascript'], link:not([rel=icon]), [onload], [onerror], [onmouseover]") == 0
        )
        text = page.evaluate("document.documentElement.textContent")
        assert "<script>window.pwned=1;alert(1)</script>" in text  # it is there, as text
        page.close()


def test_report(browser, tmp_path: Path) -> None:
    check(browser, write_report(hostile_run(tmp_path / "run", 0)))


def test_comparison(browser, tmp_path: Path) -> None:
    runs = [hostile_run(tmp_path / name, number) for number, name in enumerate(["one", "two"])]
    path = tmp_path / "compare.html"
    path.write_text(render_comparison(compare_runs(runs)), encoding="utf-8")
    check(browser, path)


def test_data_statistics(browser, folder, yoyak) -> None:  # noqa: F811
    dialogues = [f"{text}: 안녕 {text}\nB: word{n}" for n, text in enumerate(HOSTILE)]
    write_csv(folder / "<img src=x onerror=pwned=1>.csv", dialogues, HOSTILE)
    rows = "\n".join(
        json.dumps({"fname": t, "topic": t, "dialogue": d, "summary": t})
        for t, d in zip(HOSTILE, dialogues, strict=True)
    )
    (folder / "b.jsonl").write_text(rows + "\n", encoding="utf-8")
    done = yoyak("data", "stats", "<img src=x onerror=pwned=1>.csv", "b.jsonl", "--out", "stats.html")
    assert done.code == 0, done.err
    check(browser, folder / "stats.html")
