"""A place of which every text is hostile, in Chromium: nothing runs, nothing is asked of another host."""

import pytest

from src.tests.chromium import needs_chromium
from src.tests.web.hostile import pages_of, write_hostile_place
from src.tests.web.test_hostile_requests import GET

pytestmark = needs_chromium


@pytest.mark.long
def test_hostile_texts_run_nowhere(browser, running_studio, place):
    write_hostile_place(place)
    address = running_studio()
    base = address.partition("/?")[0]
    context = browser.new_context(locale="ko-KR")
    page, told = context.new_page(), []

    def opened(dialog):
        told.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", opened)
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("console", lambda message: told.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda request: None if request.url.startswith((base, "data:")) else told.append(request.url))
    page.goto(address)
    looked_at = 0
    for route in GET:
        for where in pages_of(route)[:3:2]:
            if route.path.endswith("/events"):  # no page
                continue
            page.goto(base + where)
            if page.locator("#report").count():
                page.locator("#report section").first.wait_for()
            looked_at += page.locator("main").count()
            assert told == [], where
    assert looked_at >= 24
    context.close()
