"""Run the examples of docs/*.md: the bash blocks below a line `<!-- ci -->`, as a reader in a fresh clone would.

python scripts/docs_examples.py                    run all, quickstart.md first
python scripts/docs_examples.py --page evaluate    run those of one page (quickstart.md first, where it has not run)
python scripts/docs_examples.py --list             list them
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARK = ["<!-- ci -->", "```bash"]
FIRST = "quickstart"  # its example trains the adapter that other pages use
ADAPTER = ROOT / "outputs" / "docs_example" / "final_model"
LIMIT_S = 300


@dataclass(frozen=True)
class Example:
    """A block of shell commands, the page it is on and the line of the page at which it begins."""

    page: Path
    line: int
    commands: str

    @property
    def place(self) -> str:
        """Return page, line and first command."""
        first = self.commands.splitlines()[0] if self.commands else ""
        return f"{self.page.relative_to(ROOT)}:{self.line}: {first[:70]}"


def main() -> int:
    """Run or list the examples; return 1 where one fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="only list them")
    parser.add_argument("--page", help="only those of docs/PAGE.md")
    arguments = parser.parse_args()
    examples = [example for page in pages() for example in examples_of(page)]
    if arguments.page:
        wanted = {Path(arguments.page).stem}
        if not (ADAPTER.is_dir() or arguments.list):
            wanted.add(FIRST)
        examples = [example for example in examples if example.page.stem in wanted]
    if not examples:
        print(f"no examples{f' on the page {arguments.page!r}' if arguments.page else ''}", file=sys.stderr)
        return 1
    if arguments.list:
        print(*(example.place for example in examples), sep="\n")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a stopped script ends its example too
    started = time.perf_counter()
    if not all(passes(example) for example in examples):
        return 1
    print(f"{time.perf_counter() - started:6.1f} s  {len(examples)} examples")
    return 0


def pages() -> list[Path]:
    """Return the pages in the order in which their examples run."""
    return sorted((ROOT / "docs").glob("*.md"), key=lambda page: (page.stem != FIRST, page.name))


def examples_of(page: Path) -> list[Example]:
    """Return the marked blocks of a page; `line` is that of the first command."""
    lines = page.read_text(encoding="utf-8").splitlines()
    begins = [number for number in range(2, len(lines)) if lines[number - 2 : number] == MARK]
    return [Example(page, begin + 1, "\n".join(lines[begin : lines.index("```", begin)])) for begin in begins]


def passes(example: Example) -> bool:
    """Run an example and say how long it took; where it fails, print what it said."""
    paths = [str(ROOT / ".venv" / "bin"), os.environ.get("PATH", os.defpath)]
    environment = os.environ | {"PATH": os.pathsep.join(paths), "HF_HUB_OFFLINE": "1"}
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", example.commands],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = shell.wait(LIMIT_S)
            verdict = f"exit code {code}" if code else ""
        except subprocess.TimeoutExpired:
            verdict = f"not done after {LIMIT_S} s"
        finally:
            end_group(shell)
        print(f"{time.perf_counter() - started:6.1f} s  {example.place}", flush=True)
        if verdict:
            said.seek(0)
            print(f"{said.read()}\n{example.place}: {verdict}", file=sys.stderr)
    return not verdict


def end_group(shell: "subprocess.Popen[bytes]") -> None:
    """End an example and what it left behind, such as a server in the background."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()


if __name__ == "__main__":
    sys.exit(main())
