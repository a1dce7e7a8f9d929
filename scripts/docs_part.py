"""A part of a page that a script writes, between two marks."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def write_or_check(page: Path, start: str, end: str, part: str, check: bool) -> int:
    """Put lines between the marks of a page, or compare them with what is there; return the exit code.

    Args:
        page: below the repository.
        start: the mark before.
        end: the mark after.
        part: the lines.
        check: writes nothing; 1 where other lines are there, with a word on standard error.
    """
    old = page.read_text(encoding="utf-8")
    before, _, rest = old.partition(start)
    new = f"{before}{start}\n{part}\n{end}{rest.partition(end)[2]}"
    if not check:
        page.write_text(new, encoding="utf-8")
        return 0
    if new == old:
        return 0
    script = Path(sys.argv[0]).name
    print(f"{page.relative_to(ROOT)} is not up to date; run: python scripts/{script}", file=sys.stderr)
    return 1
