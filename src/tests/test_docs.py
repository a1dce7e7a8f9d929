"""What the pages name is there: files, tests and links."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")} - {ROOT / "CHANGELOG.md"})
BELOW = ("", "src", "src/tests", "docs", "benchmarks")
CODE = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"^(?:python )?([\w.-]+(?:/[\w.-]+)+\.py)(?:::(\w+))?(?![\w/*])")
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")


def named_files(text: str) -> list[tuple[str, str]]:
    """Return the files that a page names as code, each with the test in it that is named, or ""."""
    found = [FILE.match(code) for code in CODE.findall(text)]
    outside = ("outputs/", "logs/", "/", "x/", "o/", "m/")
    return [(match[1], match[2] or "") for match in found if match and not match[1].startswith(outside)]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    for name, test in named_files(page.read_text(encoding="utf-8")):
        places = [ROOT / folder / name for folder in BELOW if (ROOT / folder / name).is_file()]
        assert places, f"{page.name} names {name}"
        assert not test or any(f"def {test}(" in place.read_text(encoding="utf-8") for place in places), test


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for name, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name} links to {name}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {name}#{anchor}"


def test_the_house_has_the_rooms_that_lint_holds() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    layers = [layer for layer in tools["importlinter"]["contracts"][0]["layers"] if layer != "__main__"]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert rooms[:-1] == layers[:-1]
    assert rooms[-1] == layers[-1].split(" : ")[0] == "architectures"


def test_each_benchmark_is_listed() -> None:
    folder = ROOT / "benchmarks"
    named = re.findall(r"`([\w/]+\.py)[^`\n]*`", (folder / "README.md").read_text(encoding="utf-8"))
    assert {file.name for file in folder.glob("*.py")} == {name for name in named if "/" not in name}


def test_a_name_is_found_in_text() -> None:
    assert named_files("`src/cli.py`, `data/x.py::test_y`, `python benchmarks/a.py SHAPE` and `outputs/a/b.py`") == [
        ("src/cli.py", ""),
        ("data/x.py", "test_y"),
        ("benchmarks/a.py", ""),
    ]
