"""What the processes that `--gpus` and `--processes` start are told."""

import sys

from src.commands import several
from src.commands.several import Several, child_command
from src.commands.train.launch import refine_arguments, train_arguments
from src.commands.train.request import TrainRequest


def test_each_process_has_the_same_command(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["yoyak", "refine", "--debug-errors"])
    request = TrainRequest("a.yaml", ["training.seed=1"], debug=True, resume=True)
    told = child_command(Several(processes=2), train_arguments(request))
    assert told[:3] == [sys.executable, "-P", "-c"]
    how = ["train", "--debug-errors", "--processes", "2"]
    what = ["--experiment", "a.yaml", "--debug", "--resume", "training.seed=1"]
    assert told[4:] == ["--lang", "en", *how, *what]
    monkeypatch.setattr(sys, "argv", ["yoyak"])
    monkeypatch.setattr(several, "speaks_korean", lambda: True)
    request = TrainRequest("refined", ["refine.steps=3"], overwrite=True)
    told = child_command(Several(gpus="0,2"), refine_arguments("outputs/one", request))
    assert told[4:] == ["--lang", "ko", "refine", "--gpus", "0,2", "outputs/one", "--overwrite", "refine.steps=3"]
