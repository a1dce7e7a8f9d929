from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from src.commands.screen import Screen
from src.commands.train.show import show_faults
from src.runs.outcomes import Faults, OutOfMemory
from src.runs.record import RunFile
from src.runs.schema import RunRecord


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (None, ""),
        (Faults(bad_steps=0, rollbacks=0), ""),
        (
            Faults(bad_steps=2, out_of_memory_in_evaluation=OutOfMemory(count=1, examples_at_a_time=4)),
            "2 steps were left out: loss or gradient was not a number.\n"
            "Memory ran out 1 time in evaluation; since then 4 examples at a time.\n",
        ),
    ],
)
def test_faults_stand_at_the_end_of_a_run(tmp_path: Path, faults: Faults | None, said: str) -> None:
    console = Screen(file=StringIO(), width=20)
    run: Any = SimpleNamespace(file=RunFile(tmp_path, RunRecord(faults=faults)), console=console)
    show_faults(run)
    assert console.file.getvalue() == said  # type: ignore[attr-defined]
