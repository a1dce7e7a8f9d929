"""Random walks over the studio's pages in Chromium: what they do at each step, and what they take for a fault."""

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

STEPS = 8
_LONGEST_LOAD_SECONDS = 30
TYPED = (
    "5", "0", "-1", "1e999", "0.0002", "64", "[q_proj, v_proj]", "null", "true", "", " ", "mine", "민수의 실행",
    "가" * 300, "x" * 5000, "../../etc/passwd", "/etc/shadow", "a/b", ".", "~", "hub:a/b", "sample:ko/train.csv",
    "two words", "'; rm -rf / #", "$(reboot)", "--overwrite", "\"><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", "{{ 7*7 }}", "{% raw %}", "%00", "%s%n", "\u202etxt.exe", "e\u0301\u200b",
    "\U0001f600" * 40, "\\", "&amp;lt;", "http://user:pass@example.org/", "[[[[[[", "{a: {b: c}}",
    "!!python/object:os.system x", "9" * 400,
)  # fmt: skip
"""Ordinary and hostile texts."""
KEYS = ("Tab", "Tab", "Tab", "Enter", "Space", "Escape", "j", "k", "1", "2", "0", "ArrowDown", "ArrowUp", "PageDown")
WIDTHS = (1280, 390, 768)
_ACTIONS = {
    "click": 38, "button": 30, "type": 10, "press": 7, "back": 3, "forward": 2, "reload": 2, "language": 3, "bring": 3,
    "wait": 3,
}  # fmt: skip
_WAIT_MS = 3300
"""In which every page that asks anew by itself does so."""
_LANGUAGE = "header form.switch button"

# All that can be clicked or typed into and is seen, brought into view; where its middle is, and what it is.
_CHOOSE = """([selector, wanted]) => {
  const seen = [...document.querySelectorAll(selector)].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility === "visible" && !element.disabled;
  });
  if (!seen.length) return null;
  const one = seen[Math.floor(wanted * seen.length)];
  one.scrollIntoView({ block: "center", inline: "center" });
  const box = one.getClientRects()[0];
  const choices = one.tagName === "SELECT" ? one.options.length : 0;
  if (choices) {
    one.selectedIndex = Math.floor(wanted * 7919) % choices;
    for (const kind of ["input", "change"]) one.dispatchEvent(new Event(kind, { bubbles: true }));
  }
  const name = `${one.tagName} ${one.id || one.name || one.textContent.trim().slice(0, 40)}`;
  return { x: box.x + box.width / 2, y: box.y + box.height / 2, choices, name };
}"""
_LOOK = """() => document.readyState !== "complete" ? null : ({
  mains: document.querySelectorAll("main#content").length,
  text: document.body ? document.body.innerText : "",
  wide: document.documentElement.scrollWidth - innerWidth,
  language: document.documentElement.lang,
})"""
# What is refused (400 to 499), and what was on its way when a page was left or a setting turned once more.
_USUAL_ERRORS = re.compile(r"Failed to load resource|Response Status Error Code 4|htmx:(sendAbort|afterRequest|abort)")
_BROKEN_WORDS = re.compile(
    r"The studio failed at this|스튜디오에 문제가 생겼습니다|Traceback \(most recent|Internal Server Error"
    r"|\[object Object\]|\bundefined\b|site-packages"
)


@dataclass
class Walked:
    """What walks came to.

    Attributes:
        clicks: clicks, choices, texts, keys and ways back.
        pages: how often each kind of page was looked at, by its address without names.
        requests: what the pages asked for, by method and path.
    """

    walks: int = 0
    clicks: int = 0
    pages: Counter[str] = field(default_factory=Counter)
    requests: set[tuple[str, str]] = field(default_factory=set)
    server_errors: list[str] = field(default_factory=list)
    console_errors: list[str] = field(default_factory=list)
    broken_pages: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Return all faults."""
        return [*self.server_errors, *self.console_errors, *self.broken_pages]


class Walker:
    """One browser page that walks; `restock` makes anew what earlier walks have deleted."""

    def __init__(
        self, page: Any, base: str, starts: Sequence[str], files: Sequence[dict[str, Any]], restock: Callable[[], None]
    ) -> None:
        self._page, self._base, self._starts, self._files, self._restock = page, base, starts, files, restock
        self.walked = Walked()
        self._trace: list[str] = []
        self._leading: set[Any] = set()  # requests that lead to another page: a key that is pressed meanwhile is lost
        page.on("response", self._answered)
        page.on("request", self._asked)
        page.on("requestfinished", lambda request: self._leading.discard(request))
        page.on("requestfailed", lambda request: self._leading.discard(request))
        page.on("pageerror", lambda error: self._note(self.walked.console_errors, str(error)))
        page.on("console", self._said)
        page.on("dialog", self._opened)
        page.on("filechooser", lambda chooser: None)  # or the browser waits for someone at its window
        page.set_default_timeout(10_000)

    @property
    def trail(self) -> str:
        """Return the steps of this walk so far."""
        return " > ".join(self._trace)

    def walk(self, seed: str) -> None:
        """Take one walk, which `seed` decides as far as the pages are as they were."""
        self._restock()
        self._trace = [seed]
        try:
            self._steps(Random(seed))
        except _errors() as error:
            self._note(self.walked.broken_pages, f"{error}")
        self.walked.walks += 1

    def _steps(self, random: Random) -> None:
        self._go(random.choice(self._starts))
        if random.random() < 0.2:
            self._page.set_viewport_size({"width": random.choice(WIDTHS), "height": 800})
        for _ in range(STEPS):
            action = random.choices(list(_ACTIONS), list(_ACTIONS.values()))[0]
            self._do(action, random)
            self.walked.clicks += 1
            self._look()

    def _go(self, path: str) -> None:
        self._trace.append(path)
        end = time.monotonic() + _LONGEST_LOAD_SECONDS
        while True:
            try:
                self._page.goto(self._base + path, wait_until="load", timeout=1000 * _LONGEST_LOAD_SECONDS)
                return
            except _errors() as error:  # what was clicked before may still lead elsewhere
                if time.monotonic() > end or not _is_on_the_way(error):
                    raise

    def _do(self, action: str, random: Random) -> None:
        try:
            if action in ("back", "forward", "reload"):
                self._trace.append(action)
                getattr(self._page, {"back": "go_back", "forward": "go_forward"}.get(action, action))()
            elif action == "press":
                self._press([random.choice(KEYS) for _ in range(random.randint(1, 4))])
            elif action == "wait":
                self._trace.append(action)
                self._page.wait_for_timeout(_WAIT_MS)
            elif action == "bring":
                self._bring(random.choice(self._files))
            elif action == "type":
                self._click("main input:not([type=radio]):not([type=checkbox]):not([type=file]), main textarea", random)
                text = random.choice(TYPED)
                self._trace.append(f"type {text[:30]!r}")
                self._page.keyboard.press("Control+A")
                self._page.keyboard.insert_text(text)
                self._page.keyboard.press(random.choice(["Tab", "Enter"]))
            elif action == "language":
                self._click(_LANGUAGE, random)
            elif action == "button":  # what changes something, of which links and fields are a crowd
                self._click("main button, main details:not([open]) > summary", random)
            else:
                self._click("a[href], button, summary, select, main input, main label", random)
        except _errors() as error:
            if not _is_on_the_way(error):
                raise

    def _click(self, selector: str, random: Random) -> None:
        found = self._page.evaluate(_CHOOSE, [selector, random.random()])
        if found is None:
            return
        self._trace.append(f"click {found['name']}")
        if not found["choices"]:
            self._page.mouse.click(found["x"], found["y"])

    def _press(self, keys: list[str]) -> None:
        for key in keys:
            self._trace.append(key)
            self._page.keyboard.press(key)

    def _bring(self, file: dict[str, Any]) -> None:
        if self._page.locator("#file").count():
            self._trace.append(f"bring {file['name']}")
            self._page.set_input_files("#file", file)

    def _look(self) -> None:
        """Look at the page once it has loaded."""
        end = time.monotonic() + _LONGEST_LOAD_SECONDS
        seen = None
        self._page.wait_for_timeout(15)  # in which what was clicked begins to lead elsewhere
        while seen is None or self._leading:
            try:
                seen, address = self._page.evaluate(_LOOK), self._page.url
            except _errors() as error:
                if not _is_on_the_way(error):
                    raise
            if seen is None or self._leading:
                if time.monotonic() > end:
                    self._leading.clear()
                    return self._note(self.walked.broken_pages, "it does not load")
                self._page.wait_for_timeout(10)  # which lets the page's events come
        if not address.startswith(self._base):
            return self._note(self.walked.broken_pages, f"it led to {address}")
        path = address.removeprefix(self._base).partition("?")[0].partition("#")[0]
        self.walked.pages[kind_of_page(path)] += 1
        if path.endswith("/report"):  # a page of its own, for another place
            return None
        words = _BROKEN_WORDS.search(seen["text"])
        if seen["mains"] != 1 or words or seen["wide"] > 0 or seen["language"] not in ("en", "ko"):
            found = {**seen, "text": words[0] if words else ""}
            self._note(self.walked.broken_pages, f"{found}")
        return None

    def _answered(self, answer: Any) -> None:
        if answer.status >= 500:
            self._note(self.walked.server_errors, f"{answer.status} {answer.request.method} {answer.url}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self._base, "data:", "blob:")):
            self._note(self.walked.broken_pages, f"asked another host: {request.url}")
        if request.is_navigation_request():
            self._leading.add(request)
        self.walked.requests.add((request.method, request.url.removeprefix(self._base).partition("?")[0]))

    def _said(self, message: Any) -> None:
        if message.type == "error" and not _USUAL_ERRORS.match(message.text):
            self._note(self.walked.console_errors, message.text)

    def _opened(self, dialog: Any) -> None:
        self._note(self.walked.broken_pages, f"a dialog opened: {dialog.message}")
        dialog.dismiss()

    def _note(self, faults: list[str], what: str) -> None:
        faults.append(f"{what} at {self._page.url} after {self.trail}"[:2000])


def kind_of_page(path: str) -> str:
    """Return a page's address with `*` for the names in it."""
    return re.sub(r"^/(runs|data|jobs|searches)/(?!new\b)[^/]+", r"/\1/*", path)


def _errors() -> type[Exception]:
    from playwright.sync_api import Error

    return Error


def _is_on_the_way(error: Exception) -> bool:
    """Tell whether the page was leading elsewhere while it was looked at."""
    said = str(error)
    return any(
        part in said
        for part in (
            "Execution context was destroyed", "navigation", "frame was detached", "net::ERR_ABORTED", "Navigation",
            "Cannot find context", "not attached", "interrupted",
        )
    )  # fmt: skip
