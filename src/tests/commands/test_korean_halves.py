"""Each error and each line of a command has its Korean half; each English sentence has the same one everywhere."""

import ast
import re
from pathlib import Path

import pytest

from src.commands.speech import in_korean
from src.config import loader
from src.tests.commands.said_sentences import SaidSentences

SRC = Path(__file__).resolve().parents[2]
MODULES = sorted(
    path.relative_to(SRC).with_suffix("").as_posix()
    for path in SRC.rglob("*.py")
    if "tests" not in path.relative_to(SRC).parts
)
ERRORS = {"YoyakError", "RankFailedError", "StoppedRunError", "UnfitTokenizerError"}
ERRORS |= {"GivenUpError", "MemoryFullError", "MemoryTakenError"}  # of memory and searches
REASONS = {"BadRow", "_BadCellError", "DamagedCheckpoint", "NotTurnsError", "TooMuchError", "Unclear"}
"""Of what becomes a part of an error or a note."""
LINES = {"add_column", "add_row", "append", "echo", "info", "print", "say", "say_aside", "secho"}
LINES |= {"Table", "TextColumn", "exception", "warning"}
RETURNS = re.compile("(?:.*_)?(?:notes?|sentence|obstacle|verdict|hint)")
"""Names of functions that return what is said."""
OF_PAGES = ("reports", "planner/compare", "export/model_card")
"""What these append is of pages and pictures, which have tests of their own."""
BUILT = {
    "7: 7": "of the system: a file and its reason, each of which has its half; as _explain of config/loader",
    "7: 7 = 7: 7": "of _explain: a rule that the schema states",
    "7: 7: 7": "of _explain",
    "7": "a failure of a rank, as it says itself",
}
"""Errors of names and parts alone."""
ELSEWHERE = {
    "%s: %s": "two texts that have their own halves",
    "yoyak 7": "the version",
    "yoyak: 7": "a text that has its own half",
    "7 B  7": "a size and a name",
    "7 GB": "a size",
    "wandb: 7; kept offline": "of another process, into a log",
    "7 dialogues shortened (7 turns, 7 tokens cut)": "a part of a sentence that has its half as a whole",
    "7 summaries longer than decoder_max_len, kept whole": "as the one before",
    "7: 7 held decomposed characters (as macOS writes Hangul) or, in names, characters without width; they were "
    "composed (NFC)": "what was composed is a list, whose kinds have halves",
    "{task.fields[rate]} 7": "a number and a text that is said",
    "data.7: 7": "a setting and a text that has its own half",
    "modules_to_save 7": "a setting and its value",
    "bias 7": "a setting and its value",
    **{f"7 7 7 min{mark}": "a row of a table, as said_lines reads it" for mark in ("", " *", " !")},
    **{f"7 {unit} {how}": "a part of advice, as above" for unit in ("s", "min", "h") for how in ("shorter", "longer")},
}
"""What needs no half, and why."""


def without_half(module: str, calls: set[str]) -> set[str]:
    """The texts of a module without a Korean half; those of one word alone are left out."""
    returns = None if module.startswith(OF_PAGES) else RETURNS
    said = SaidSentences(SRC / f"{module}.py", calls, returns).found
    texts = {text for _, _, its in said for text in its if " " in text.strip() and re.search("[A-Za-z]{2}", text)}
    texts = {text for text in texts if not text.lstrip().startswith("<")}  # of a picture
    return {text.strip() for text in texts if in_korean(text) == text}


@pytest.mark.parametrize("module", MODULES)
def test_each_error_and_line_has_its_korean_half(module):
    calls = ERRORS | REASONS if module.startswith(OF_PAGES) else ERRORS | REASONS | LINES
    assert without_half(module, calls) <= ELSEWHERE.keys()


def test_the_search_finds_errors_of_all_rooms():
    """More than 400 of them; those whose words are not in the source are named above."""
    said = [text for module in MODULES for _, _, its in SaidSentences(SRC / f"{module}.py", ERRORS).found
            for text in its]  # fmt: skip
    assert len(set(said)) > 400
    assert {text.strip() for text in said if not re.search("[A-Za-z]{2}", text)} <= BUILT.keys()


def test_errors_of_all_kinds_are_searched():
    kinds = {
        node.name
        for module in MODULES
        for node in ast.walk(ast.parse((SRC / f"{module}.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") == "YoyakError" for base in node.bases)
    }
    assert kinds | {"YoyakError"} == ERRORS


def test_a_sentence_without_its_half_is_found(tmp_path):
    lines = [
        "def f(a):",
        '    why = f"of {a}" if a else "of nothing"',
        '    raise YoyakError(f"{a}: nobody wrote this {why}; " + g())',
        "def g():",
        '    return "mend it"',
    ]
    (tmp_path / "new.py").write_text("\n".join(lines))
    found = SaidSentences(tmp_path / "new.py", {"YoyakError"}).found
    assert found == [
        (3, "YoyakError", ["7: nobody wrote this of 7; mend it", "7: nobody wrote this of nothing; mend it"])
    ]


def test_what_each_setting_may_be_has_its_korean_half():
    fields = loader.SETTINGS.values()
    rules = {f"must be {loader._allowed(one.annotation, one.metadata, large)}" for one in fields for large in (0, 1)}
    assert len(rules) > 40
    for rule in map(in_korean, rules):
        assert rule.endswith("야 합니다")
        assert not re.search(r"\b(of|at|and|or|must|such)\b", rule), rule


TWO_THINGS = {"Examples", "speakers", "turns"}
"""English words of two things: a heading and a count, a count and its unit."""


def pairs_of(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Text" and len(node.args) == 2:
            halves = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if len(halves) == 2:
                yield tuple(halves)


def test_a_sentence_has_one_korean_half_on_pages_and_in_the_terminal():
    halves: dict[str, set[str]] = {}
    for module in MODULES:
        for english, korean in pairs_of(SRC / f"{module}.py"):
            halves.setdefault(english, set()).add(korean)
    assert {english: found for english, found in halves.items() if len(found) > 1}.keys() == TWO_THINGS
