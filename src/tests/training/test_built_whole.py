"""Trainers, guards, data sets and tables are built whole: nobody else sets their attributes afterwards."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import src

FOLDER = Path(src.__file__).parent
FILES = [path for path in FOLDER.rglob("*.py") if "tests" not in path.relative_to(FOLDER).parts]
NAMES = {"trainer", "guard", "dataset", "train_dataset", "eval_dataset", "train_set", "eval_set", "table", "room"}
"""How they are called, also as attributes of others."""
CLASSES = (
    "LLMTrainer", "ResponseTrainer", "PackedTrainer", "GuardedTrainer", "CheckpointedTrainer", "StepGuard",
    "MemoryRoom", "LLMSummarizationDataset", "DialogueTable",
)  # fmt: skip


def set_from_outside(source: str) -> Iterator[str]:
    """Yield what a module sets on objects of these names, or declared to be of these classes, as `LINE: TARGET`."""
    tree = ast.parse(source)
    declared = {
        node.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.arg) and node.annotation and any(c in ast.unparse(node.annotation) for c in CLASSES)
    }
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            targets = [node.value]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("setattr", "object.__setattr__"):
            targets = node.args[:1]
        for owner in targets:
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", None)
            if name in NAMES | declared:
                yield f"{node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("trainer.plan = plan", ["1: trainer.plan"]),
        ("self.trainer.facts = {}", ["1: self.trainer.facts"]),
        ("a, run.guard.reason = 1, None", ["1: run.guard.reason"]),
        ("table.rows += more", ["1: table.rows"]),
        ("for dataset.names in all_names: pass", ["1: dataset.names"]),
        ("setattr(trainer, name, value)", ["1: setattr(trainer, name, value)"]),
        ("del trainer.optimizer", ["1: trainer.optimizer"]),
        ("def use(one: 'LLMTrainer'):\n    one.resume = None", ["2: one.resume"]),
        ("self.plan = trainer.plan\nplan = table.rows[0]", []),
        ("trainer = self.trainer = made(table)", []),
    ],
)
def test_what_is_found(source: str, found: list[str]) -> None:
    assert list(set_from_outside(source)) == found


def test_nothing_is_set_from_outside() -> None:
    found = {str(path.relative_to(FOLDER)): list(set_from_outside(path.read_text(encoding="utf-8"))) for path in FILES}
    assert len(found) > 200
    assert {path: lines for path, lines in found.items() if lines} == {}
