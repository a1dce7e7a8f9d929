"""Two and three processes compute what one does."""

import json
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from src.ranks.launcher import Launcher
from src.tests.tiny_models import write_tiny_model
from src.tests.training.several.steps import CASES, summarized, train_case

ROOT = Path(__file__).resolve().parents[4]
BOUND = 1e-6


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    write_tiny_model(folder / "base", num_hidden_layers=3)  # layers that are cut have two buffers to be gathered into
    return folder / "base"


@pytest.fixture(scope="module")
def alone(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    return {case: train_case(case, str(base), folder) for case in CASES}


@pytest.fixture(
    scope="module", params=[pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.long)]
)  # two: whole runs, `test_runs.py`
def together(request, base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    (folder / "base").symlink_to(base)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("OMP_NUM_THREADS", "1")
        command = [sys.executable, "-m", "src.tests.training.several.steps", str(folder)]
        code, failure = Launcher(command, request.param).run()
    assert (code, failure) == (0, None), failure.trace or failure
    for rank in range(request.param):  # the rank with least memory, one that is told to stop and a bad loss are known
        told = json.loads((folder / f"told{rank}.json").read_text())
        ranks = sum(range(request.param))
        notices = {"signal": 15, "most": 64, "recomputes": True}
        expected = [[float(request.param)] * 3, [[float(ranks)] * 2] * 2, 0.5 * request.param, notices, "nan"]
        assert told["notices"] == expected
        wide = told["float32"]  # which all are asked for, or none
        assert wide["agrees"]
        assert wide["kept"] < 60  # tensors of two passes; a layer alone would keep more
        assert 0 < wide["from_float32"] < 1.5 * wide["own_from_float32"] < 0.15
        other = f"rank {request.param - 1} has other training.learning_rate, data.train than rank 0"
        assert told["sharding"] == "weights"  # since one has too little memory for whole ones
        assert told["refused"] == f"{other}; start all with the same settings and files"
    summarized(str(base), folder / "alone.jsonl")
    assert (folder / "summaries.jsonl").read_bytes() == (folder / "alone.jsonl").read_bytes()
    files = (folder / f"{name}.jsonl.settings.json" for name in ("summaries", "alone"))
    several, one = (json.loads(file.read_text())["found"] for file in files)  # the temperature of MBR
    assert several == one
    return {case: safetensors.torch.load_file(folder / f"{case}.safetensors") for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_losses_and_gradients_are_those_of_one_process(alone, together, case):
    """With uneven ranks, a step whose one example leaves the others none, and with dropout in the packed engine."""
    one, several = alone[case], together[case]
    assert one.keys() == several.keys()
    assert int(one["tokens"]) == int(several["tokens"])
    assert len(one["loss"]) == 3
    for name, expected in one.items():
        most = float(expected.abs().max())
        assert most > 0, name
        assert float((several[name] - expected).abs().max()) <= BOUND * max(most, 1.0), name


def test_weights_that_are_cut_change_no_bit(together):
    """4-bit bytes travel, and come together as they were; the evaluation loss is the model's own forward's there."""
    whole, cut = together["packed"], together["packed_cut"]
    assert whole.keys() == cut.keys()
    for name, value in whole.items():
        if name == "eval_loss":
            assert float(cut[name]) == pytest.approx(float(value), rel=1e-6)
        else:
            assert torch.equal(cut[name], value), name
