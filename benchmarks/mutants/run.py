"""Put small faults into the code and see whether a test notices: `run.py [FOLDER...] [--sample N]`.

The tables beside this file, one for a folder of `src`, hold the faults. A line `= FILE: TEST...` names a file of the
folder and the tests (of `src/tests/FOLDER`, or of `src/tests`) that must notice; below it stands a fault a paragraph::

    # The second table of untied models isn't counted
    - * (1 if shape.tied else 2)
    + * 1

The text of the `-` lines stands in the file exactly once, and the `+` lines (or nothing) take its place: text, not line
numbers, so that a fault stays with its code. A row whose text is gone or ambiguous is an error: mend the row.

Nothing is edited here: each process works in a copy of the tree. Tests must pass there before the first fault, stop at
the first that fails, and have three times their time and half a minute; what takes longer counts as caught. Prints the
faults that nothing noticed, and caught/of by folder. Exit code 1 where less than 90% were caught, 2 for a row or tests
that can't be used.
"""

import argparse
import ast
import functools
import gc
import multiprocessing
import os
import queue
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
_FORKS = multiprocessing.get_context("forkserver")
_NOT_NEEDED = ("cacheprovider", "hypothesispytest", "xdist", "xdist.looponfail", "pytest_cov", "anyio")
"""Plugins that take most of the second in which a small test file is run."""
_IMPORTED = ["pytest", "hypothesis", "numpy", "torch", "peft", "transformers.models.auto.modeling_auto"]
"""What takes seconds to import and is none of the tree: once, and not at each fault."""
TABLES = Path(__file__).parent
SHARE = 0.9
EXTRA_SECONDS = 30
"""What the tests get beside three times their usual time, since the machine may be busy with other things."""
MEMORY_BYTES = 8 << 30
"""For the process of the tests, since a loop that never ends may fill a list."""


@functools.lru_cache(maxsize=4)  # the faults of a file stand together
def _tree(text: str) -> str:
    return ast.dump(ast.parse(text))


class UnusableError(Exception):
    """A row that doesn't fit the code, or tests that fail without a fault."""


@dataclass(frozen=True)
class Mutant:
    """A fault: `old` becomes `new` in `file`; paths are relative to the root of the tree."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def apply(self, tree: Path) -> str:
        """Put the fault into a tree and return what the file held.

        Raises:
            UnusableError: the old text isn't there exactly once, or the new one is no Python or no change of it.
        """
        path = tree / self.file
        if not path.is_file():
            raise UnusableError(f"{self.file}: there is no such file ({self.name})")
        before = path.read_text(encoding="utf-8")
        if (count := before.count(self.old)) != 1:
            raise UnusableError(f"{self.file}: found {count} times, not once ({self.name}): {self.old}")
        after = before.replace(self.old, self.new)
        if path.suffix == ".py":
            try:
                changed = ast.dump(ast.parse(after)) != _tree(before)
            except SyntaxError as error:
                raise UnusableError(f"{self.file}: no Python with {self.new} ({self.name}): {error}") from None
            if not changed:
                raise UnusableError(f"{self.file}: no change ({self.name})")
        path.write_text(after, encoding="utf-8")
        return before


def main(arguments: list[str] | None = None) -> int:
    """Try the faults of some folders, or of all."""
    folders = sorted(table.stem for table in TABLES.glob("*.txt"))
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="*", choices=[[], *folders], help="of src; all by default")
    parser.add_argument("--sample", type=int, help="so many of them, at random")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 16))
    parser.add_argument("--file", default="", help="only files whose path contains this")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--check", action="store_true", help="only see whether the rows fit the code")
    options = parser.parse_args(arguments)
    try:
        mutants = [mutant for folder in options.folders or folders for mutant in read_table(TABLES / f"{folder}.txt")]
        mutants = [mutant for mutant in mutants if options.file in mutant.file]
        check(mutants)
        if options.check:
            print(f"{len(mutants)} faults fit the code")
            return 0
        if options.sample is not None and options.sample < len(mutants):
            print(f"{options.sample} of {len(mutants)} faults, --seed {options.seed}")
            mutants = random.Random(options.seed).sample(mutants, options.sample)
        survivors = run(mutants, options.processes)
    except UnusableError as error:
        print(error, file=sys.stderr)
        return 2
    return report(mutants, survivors)


def read_table(table: Path) -> list[Mutant]:
    """Return the faults of a table, whose name is the folder of `src`.

    Raises:
        UnusableError: a line that is none of the four kinds, or a fault without a name, tests or old text.
    """
    mutants: list[Mutant] = []
    file, tests = "", ()
    for paragraph in table.read_text(encoding="utf-8").split("\n\n"):
        name, old, new = "", [], []
        for line in filter(None, paragraph.split("\n")):
            kind, rest = line[:2].strip(), line[2:]
            if kind == "=":
                file, _, named = rest.partition(":")
                tests = tuple(_test(table.stem, test) for test in named.split())
            elif kind == "#":
                name = rest
            elif kind in ("-", "+"):
                (old if kind == "-" else new).append(rest)
            else:
                raise UnusableError(f"{table.name}: not a line of a table: {line}")
        if old and not (name and tests):
            raise UnusableError(f"{table.name}: a fault needs a name and tests: {old[0]}")
        if old:
            mutants.append(Mutant(name, f"src/{table.stem}/{file}", "\n".join(old), "\n".join(new), tests))
        elif name or new:
            raise UnusableError(f"{table.name}: a fault without its old text: {name or new[0]}")
    return mutants


def _test(folder: str, test: str) -> str:
    path = test.partition("::")[0]
    for place in (f"src/tests/{folder}", "src/tests"):
        if (ROOT / place / path).exists():
            return f"{place}/{test}"
    raise UnusableError(f"{folder}.txt: there are no tests {test}")


def check(mutants: Iterable[Mutant]) -> None:
    """Raise an UnusableError that names each fault that doesn't fit the code."""
    unusable = []
    with tempfile.TemporaryDirectory() as folder:
        for mutant in mutants:
            copied = Path(folder) / mutant.file
            copied.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / mutant.file).is_file():
                shutil.copy(ROOT / mutant.file, copied)
            try:
                mutant.apply(Path(folder))
            except UnusableError as error:
                unusable.append(str(error))
    if unusable:
        raise UnusableError("\n".join(unusable))


def run(mutants: list[Mutant], processes: int) -> list[Mutant]:
    """Return the faults that their tests don't notice; faults with the same tests are tried in the same copy."""
    groups: dict[tuple[str, ...], list[Mutant]] = {}
    for mutant in mutants:
        groups.setdefault(mutant.tests, []).append(mutant)
    os.environ.update(_ENVIRONMENT)
    if shutil.which("nvidia-smi") is None:
        os.environ.setdefault("TRITON_INTERPRET", "1")  # as the tests do before Triton is imported
    _FORKS.set_forkserver_preload(_IMPORTED)
    trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
    survivors: list[Mutant] = []
    with tempfile.TemporaryDirectory(prefix="yoyak-mutants-") as folder:
        for number in range(processes):
            trees.put(copy_tree(Path(folder) / str(number) / ROOT.name))
        with ThreadPoolExecutor(processes) as pool:
            tried = [pool.submit(_try_group, tests, group, trees) for tests, group in groups.items()]
            try:
                for group in as_completed(tried):
                    survivors += group.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    return survivors


def _try_group(tests: tuple[str, ...], group: list[Mutant], trees: "queue.SimpleQueue[Path]") -> list[Mutant]:
    tree = trees.get()
    try:
        start = time.monotonic()
        if not passes(tree, tests, 600):
            raise UnusableError(f"these fail without a fault: pytest {' '.join(tests)}")
        limit = EXTRA_SECONDS + 3 * (time.monotonic() - start)
        return [mutant for mutant in group if not caught(mutant, tree, limit)]
    finally:
        trees.put(tree)


def caught(mutant: Mutant, tree: Path, limit: float) -> bool:
    """Tell whether the tests of a fault fail with it, or don't end within `limit` seconds."""
    before = mutant.apply(tree)
    start = time.monotonic()
    try:
        noticed = not passes(tree, mutant.tests, limit)
    finally:
        (tree / mutant.file).write_text(before, encoding="utf-8")
    said = "caught  " if noticed else "SURVIVED"
    print(f"{said} {time.monotonic() - start:4.0f} s  {mutant.file}: {mutant.name}", flush=True)
    return noticed


def passes(tree: Path, tests: tuple[str, ...], limit: float) -> bool:
    """Run tests in a tree until the first fails; tell whether all passed within `limit` seconds."""
    process = _FORKS.Process(target=_run_tests, args=(tree, tests))
    process.start()
    process.join(limit)
    passed = process.exitcode == 0
    with suppress(ProcessLookupError):
        os.killpg(process.pid or 0, signal.SIGKILL)  # what runs too long, and what the tests started
    process.join()
    return passed


def _run_tests(tree: Path, tests: tuple[str, ...]) -> None:
    """Run pytest in this process, which a server of forks with the large packages imported has just made."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    with open(os.devnull, "r+b") as nothing:
        for stream in range(3):
            os.dup2(nothing.fileno(), stream)
    os.chdir(tree)
    sys.path[:] = [str(tree), *(entry for entry in sys.path if entry not in ("", str(ROOT)))]
    os.environ["PYTHONPATH"] = str(tree)
    # A changed file of the same size within a second would be taken from its compiled form, so there is none.
    sys.dont_write_bytecode = True
    gc.freeze()  # what was imported before isn't looked through
    import pytest

    options = ["-x", "-m", "not slow and not gpu"]
    options += [word for plugin in _NOT_NEEDED for word in ("-p", f"no:{plugin}")]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of plugins among what was imported
    raise SystemExit(pytest.main([*options, *tests]))


def copy_tree(tree: Path) -> Path:
    """Copy what git knows or would add, with its changes; the data beside the checkout is linked."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in filter(None, subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    if (shared := ROOT.parent / "shared").is_dir():
        (tree.parent / "shared").symlink_to(shared.resolve())
    return tree


def report(mutants: list[Mutant], survivors: list[Mutant]) -> int:
    """Print what was caught, by folder; return the exit code."""
    of = Counter(mutant.file.split("/")[1] for mutant in mutants)
    missed = Counter(mutant.file.split("/")[1] for mutant in survivors)
    for mutant in sorted(survivors, key=lambda mutant: mutant.file):
        print(f"\nnot noticed: {mutant.file}: {mutant.name}\n- {mutant.old}\n+ {mutant.new}\n{' '.join(mutant.tests)}")
    print()
    for folder in of:
        print(f"{folder:12}{of[folder] - missed[folder]:4} of {of[folder]}")
    share = 1 - len(survivors) / max(len(mutants), 1)
    print(f"{'all':12}{len(mutants) - len(survivors):4} of {len(mutants)}, {share:.0%}")
    return 0 if share >= SHARE else 1


if __name__ == "__main__":
    raise SystemExit(main())
