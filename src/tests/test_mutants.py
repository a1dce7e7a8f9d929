"""The table of faults (`make mutants`): its rows fit the code, and what no test notices is told from what one does."""

import subprocess

import pytest

from benchmarks.mutants import run
from benchmarks.mutants.run import Mutant, UnusableError, check, read_table

TABLE = """= sums.py: test_sums.py

# Nothing is added
-     return first + second
+     return first

# The loop never ends
-     while count > 0:
+     while count > -1:
-         count -= 1
+         count -= 0

# No test asks for it
- LIMIT = 3
+ LIMIT = 4
"""
SUMS = """LIMIT = 3

def add(first, second):
    return first + second

def down(count):
    while count > 0:
        count -= 1
    return count
"""
TESTS = """from src.planner.sums import add, down

def test_sums():
    assert add(1, 2) == 3
    assert down(2) == 0
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for name, text in {
        "src/__init__.py": "",
        "src/planner/__init__.py": "",
        "src/planner/sums.py": SUMS,
        "src/tests/planner/test_sums.py": TESTS,
        "benchmarks/mutants/planner.txt": TABLE,
        "pyproject.toml": "[tool.pytest.ini_options]\nmarkers = ['slow', 'gpu']\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "_IMPORTED", [])
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(run, "TABLES", tmp_path / "benchmarks" / "mutants")
    return tmp_path


def test_every_row_fits_the_code():
    mutants = [mutant for table in run.TABLES.glob("*.txt") for mutant in read_table(table)]
    assert mutants
    check(mutants)


def test_a_row_is_a_name_and_two_texts(tree):
    first, loop, _ = read_table(tree / "benchmarks" / "mutants" / "planner.txt")
    tests = ("src/tests/planner/test_sums.py",)
    assert first == Mutant(
        "Nothing is added", "src/planner/sums.py", "    return first + second", "    return first", tests
    )
    assert loop.old == "    while count > 0:\n        count -= 1"
    assert loop.new == "    while count > -1:\n        count -= 0"


def test_survivors_are_told_from_what_is_caught_and_an_endless_loop_is_caught(tree, monkeypatch, capsys):
    monkeypatch.setattr(run, "EXTRA_SECONDS", 1)
    assert run.main(["--processes", "1"]) == 1
    printed = capsys.readouterr().out
    assert "not noticed: src/planner/sums.py: No test asks for it\n- LIMIT = 3\n+ LIMIT = 4\n" in printed
    assert printed.count("not noticed") == 1
    assert "\nplanner        2 of 3\nall            2 of 3, 67%\n" in printed
    assert (tree / "src" / "planner" / "sums.py").read_text() == SUMS


def test_tests_that_fail_without_a_fault_catch_nothing(tree, capsys):
    (tree / "src" / "tests" / "planner" / "test_sums.py").write_text("def test_sums():\n    assert False\n")
    assert run.main(["planner", "--sample", "1"]) == 2
    assert "these fail without a fault: pytest src/tests/planner/test_sums.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("# Gone\n- third\n+ second", "src/planner/sums.py: found 0 times, not once (Gone): third"),
        ("# Many\n- count\n+ number", "src/planner/sums.py: found 4 times, not once (Many): count"),
        ("# Text\n- return first + second\n+ return first +", "src/planner/sums.py: no Python with return first +"),
        ("# Same\n- LIMIT = 3\n+ LIMIT = (3)", "src/planner/sums.py: no change (Same)"),
        ("- LIMIT = 3", "planner.txt: a fault needs a name and tests: LIMIT = 3"),
        ("# Nothing\n+ LIMIT = 3", "planner.txt: a fault without its old text: Nothing"),
        ("* LIMIT", "planner.txt: not a line of a table: * LIMIT"),
        ("= sums.py: test_none.py\n\n# A\n- b\n+ c", "planner.txt: there are no tests test_none.py"),
        ("= none.py: test_sums.py\n\n# A\n- b\n+ c", "src/planner/none.py: there is no such file (A)"),
    ],
)
def test_a_row_that_does_not_fit_is_an_error(tree, capsys, row, message):
    table = tree / "benchmarks" / "mutants" / "planner.txt"
    table.write_text(f"= sums.py: test_sums.py\n\n{row}\n")
    assert run.main(["--check"]) == 2
    assert message in capsys.readouterr().err
    with pytest.raises(UnusableError):
        check(read_table(table))
