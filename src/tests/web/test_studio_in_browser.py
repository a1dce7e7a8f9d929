"""The studio in Chromium: no finding of axe-core, no sideways scrolling, no error, and all of it by keyboard."""

import itertools
import json

import pytest

from src.config.loader import load_config
from src.runs.lock import run_lock
from src.tests.chromium import needs_chromium
from src.tests.reports.conftest import PREDICTIONS
from src.web.actions import keep_action
from src.web.waiting import WaitingRuns

pytestmark = needs_chromium
PAGES = [
    "/", "/data", "/data/mine.csv", "/new", "/new?gpu=RTX 4090&experiment=qwen3_4b", "/runs/one", "/runs/going",
    "/runs/one/summaries?beside=going", "/runs/one/export", "/compare", "/compare?run=one&run=going",
    "/settings", "/nope", "/queue", "/runs/late", "/vote",
    "/vote?a=one&b=one~before", "/runs/one/try", "/runs/one/refine", "/searches/new",
    "/searches/found_search",
]  # fmt: skip


@pytest.fixture
def looked_at(browser, studio_here, write_studio_run, brought_file, place, finished, found):
    """Open the studio in a language, a scheme and a width; errors of a page fail its test."""
    write_studio_run("going", status="interrupted", ended=None)
    for name in ("late", "later"):  # without a data file they wait as long as the test takes
        WaitingRuns(place).add(
            name, ["train", "--experiment", "quickstart", f"experiment.name={name}", "data.train=gone.csv"], "Min"
        )
    for who, did in (("Min", "start"), ("Jun", "stop")):
        keep_action(place, who, did, "one")
    contexts, errors = [], []

    def look(language: str, scheme: str, width: int):
        context = browser.new_context(viewport={"width": width, "height": 900}, locale=language, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
        page.on("request", lambda request: None if request.url.startswith(base) else errors.append(request.url))
        page.goto(studio_here)
        return page

    base = studio_here.partition("/?")[0]
    yield look
    for context in contexts:
        context.close()
    assert errors == []


def holds(page, selector: str, text: str) -> None:
    """Wait until an element has a text. (Playwright's `wait_for_function` evaluates, which the pages forbid.)"""
    page.locator(selector, has_text=text).first.wait_for(timeout=60_000)


def faults_of(page, path: str) -> list[tuple[str, str, str, str]]:
    page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/")[2] + path)
    page.wait_for_load_state()
    if path.startswith("/runs/one") and path.count("/") == 2:
        page.wait_for_selector("#scores")
        page.wait_for_selector(".uplot")
    if path.startswith("/new"):
        page.wait_for_selector("#command")
    return [(path, *found) for found in faults_of_shown(page)]


def faults_of_shown(page) -> list[tuple[str, str, str]]:
    """Return what axe-core finds on a page as it is."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    found = axe.Axe().run(page).response["violations"]
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{page.url} scrolls sideways by {wide}"
    return [(item["id"], item["impact"], item["nodes"][0]["html"]) for item in found]


@pytest.mark.long
@pytest.mark.parametrize(("language", "scheme", "width"), [("en-US", "light", 1280), ("ko-KR", "dark", 360)])
def test_every_page_can_be_used_by_all(looked_at, language, scheme, width) -> None:
    page = looked_at(language, scheme, width)
    assert [fault for path in PAGES for fault in faults_of(page, path)] == []


@pytest.mark.slow
def test_every_page_in_every_form(looked_at) -> None:
    forms = itertools.product(["en-US", "ko-KR"], ["light", "dark"], [360, 768, 1600])
    assert [
        fault for form in forms for page in [looked_at(*form)] for path in PAGES for fault in faults_of(page, path)
    ] == []


def test_a_setting_is_turned_and_the_plan_follows(looked_at) -> None:
    page = looked_at("en-US", "light", 1280)
    page.goto(page.url.rstrip("/") + "/new?experiment=qwen3_4b&gpu=RTX 4090")
    page.wait_for_selector("#command")
    assert "Fits: 7.3 of 25.4 GB" in page.inner_text(".verdict")
    page.fill("[id='tokenizer.encoder_max_len']", "4096")
    holds(page, "#command", "encoder_max_len=4096")
    page.fill("[id='training.epochs']", "0")
    page.wait_for_selector("#plan .refusal")
    assert "training.epochs = 0: must be a number above 0" in page.inner_text("#plan .refusal")
    assert page.is_disabled("#plan button.main")
    page.click("summary:has-text('All other settings')")
    page.fill("#search", "rank-stabilized")
    shown = page.locator(".others .field:visible label").all_inner_texts()
    assert shown == ["lora.use_rslora"]


def test_curves_grow_as_the_run_writes(looked_at, place) -> None:
    page = looked_at("en-US", "light", 1280)
    page.goto(page.url.rstrip("/") + "/runs/going")
    page.wait_for_selector(".uplot")
    with (place.runs / "going" / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 50, "loss": 1.25}) + "\n")
    holds(page, "figure.wide output", "1.25")
    assert page.is_hidden("#cards")
    with (place.runs / "going" / "metrics.jsonl").open("a") as file:
        read = {"resident_bytes": 2e9, "processor_busy_percent": 91.5, "resident_bytes_rank1": 3.25e9}
        file.write(json.dumps({"step": 60, "loss": 1.0} | read) + "\n")
    holds(page, "#cards dd", "2 GB · 91.5%")
    holds(page, "#cards dd", "3.25 GB")
    holds(page, "figure output", "process 0 2process 1 3.25")
    with (place.runs / "going" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 70, "loss": NaN, "gpu_memory_bytes": 1000000001}\n')  # nearly equal to the next one
        file.write('{"step": 71, "loss": NaN, "gpu_memory_bytes": 1000000002}\n')
    holds(page, "figure.wide output", "NaN")
    with (place.runs / "going" / "train.log").open("a") as file:
        file.write("a line <b>of the log</b>\n")
    holds(page, "#log", "a line <b>of the log</b>")
    page.evaluate("document.querySelector('figure.wide').dataset.same = '1'")
    record = place.runs / "going" / "run.json"
    record.write_text(record.read_text().replace('"interrupted"', '"completed"'))
    holds(page, ".status", "completed")
    assert page.get_attribute("figure.wide", "data-same") == "1"


def test_the_time_left_goes_by_steps_that_the_page_has_seen(looked_at, place) -> None:
    """When the last step before the page was opened was taken isn't known: it counts for no speed."""
    run = place.runs / "going"
    record = json.loads((run / "run.json").read_text()) | {"status": "running"}
    record["config"] = load_config("quickstart", ["training.max_steps=1000"]).model_dump(mode="json")
    (run / "run.json").write_text(json.dumps(record))

    def log(step: int) -> None:
        with (run / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"step": step, "loss": 1.0}) + "\n")

    with run_lock(run):
        page = looked_at("en-US", "light", 1280)
        page.goto(page.url.rstrip("/") + "/runs/going")
        page.wait_for_selector(".uplot")
        log(400)
        holds(page, "#step", "step 400 of 1,000")
        assert page.inner_text("#left") == ""
        page.wait_for_timeout(700)
        log(401)
        holds(page, "#left", "left")
        assert 4 <= int(page.inner_text("#left").split()[1]) <= 30  # 599 steps, about a second each
        (run / "run.json").write_text(json.dumps(record | {"seed": 7}))
        page.wait_for_selector("#left:empty", state="attached")  # the top is drawn anew
        assert page.inner_text("#step") == "step 401 of 1,000"
        assert page.get_attribute("#progress", "value") == "401"


def test_back_to_a_refused_form_shows_it_as_it_was(looked_at) -> None:
    page = looked_at("en", "light", 1280)
    page.goto(page.url + "new")
    page.evaluate("""() => {
      const form = document.getElementById("wish");
      form.elements["experiment.name"].value = "a/b";
      form.submit();
    }""")
    page.wait_for_selector("[role=alert]")
    page.click("nav a[href='/data']")
    page.go_back()
    assert "must be a plain folder name" in page.inner_text("[role=alert]")
    assert page.input_value("[name='experiment.name']") == "a/b"


def test_everything_by_keyboard(looked_at) -> None:
    page = looked_at("en-US", "light", 1280)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.goto(page.url.rstrip("/") + "/runs/one/summaries?order=file")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert PREDICTIONS[0]["fname"] in page.evaluate("document.activeElement.innerText") or "Example 1" in page.evaluate(
        "document.activeElement.innerText"
    )
    page.goto(page.url.split("/runs")[0] + "/runs/one")
    page.focus("summary:has-text('Delete')")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Delete this run"
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    assert "/runs/one" not in page.content()


def test_the_queue_by_keyboard(looked_at, place) -> None:
    page = looked_at("en-US", "light", 1280)
    page.goto(page.url.rstrip("/") + "/queue")
    (first, second) = (one.key for one in WaitingRuns(place).all())
    page.focus(f"#up-{second}")
    page.keyboard.press("Enter")
    page.locator(f"ol.queue > li:first-child #up-{second}").wait_for()
    assert page.evaluate("document.activeElement.id") == f"up-{second}"
    with page.expect_response("**/queue"):  # the list that is drawn anew every 2 s
        pass
    page.wait_for_timeout(300)
    assert page.evaluate("document.activeElement.id") == f"up-{second}"
    page.focus(f"#out-{second}")
    page.keyboard.press("Enter")
    holds(page, "#queue .notice", "later no longer waits.")
    assert page.evaluate("document.activeElement.className") == "notice"
    assert [one.key for one in WaitingRuns(place).all()] == [first]


@pytest.mark.parametrize(("language", "scheme", "width"), [("en-US", "light", 1280), ("ko-KR", "dark", 360)])
@pytest.mark.long
def test_people_come_in_by_keyboard_and_see_who_they_are(browser, running_studio, language, scheme, width) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, locale=language, color_scheme=scheme)
    page = context.new_page()
    page.goto(running_studio(YOYAK_STUDIO_PASSWORD="correct horse"))
    assert faults_of(page, "/login?back=/settings") == []
    page.focus("#name")
    page.keyboard.type("민수 <b>")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong horse")
    page.keyboard.press("Enter")
    page.wait_for_selector(".refusal")
    assert faults_of_shown(page) == []
    page.focus("#password")
    page.keyboard.type("correct horse")
    page.keyboard.press("Enter")
    page.wait_for_url("**/settings")
    assert page.inner_text(".who b") == "민수 <b>"
    assert faults_of_shown(page) == []
    page.click(".about-you form[action='/logout'] button")
    page.wait_for_url("**/login")
    page.go_back()
    page.wait_for_url("**/login?back=%2Fsettings")
    context.close()
