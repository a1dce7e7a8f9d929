"""Make the pictures of docs/studio.md and the READMEs: a studio's pages over a folder of runs, in /usr/bin/chromium.

    python scripts/studio_pictures.py FOLDER [--name quickstart]

FOLDER is where the runs are (the folder with `outputs/` in it), NAME a finished run in it.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def main() -> None:
    """Take the pictures."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="quickstart")
    given = parser.parse_args()
    command = [sys.executable, "-m", "src", "studio", "--port", "0"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=given.folder, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = process.stdout.readline().split()[-1]
    base = address.partition("/?")[0]
    pictures = {
        "studio-start": ("/", None, 860),
        "studio-new": ("/new?experiment=qwen3_4b&gpu=RTX 4090", ".changes", 860),
        "studio-run": (f"/runs/{given.name}", "#scores", 1360),
        "studio-summaries": (f"/runs/{given.name}/summaries", "article", 860),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for language, suffix, names in (("en-US", "", list(pictures)), ("ko-KR", "-ko", ["studio-run", "studio-new"])):
            page = browser.new_page(locale=language)
            page.goto(address)
            for name in names:
                path, waits_for, height = pictures[name]
                page.set_viewport_size({"width": 1200, "height": height})
                page.goto(base + path)
                if waits_for is not None:
                    page.wait_for_selector(waits_for, timeout=90_000)
                page.wait_for_timeout(800)
                page.screenshot(path=str(DOCS / f"{name}{suffix}.png"))
        browser.close()
    process.terminate()
    process.wait(20)


if __name__ == "__main__":
    main()
