"""Two and three processes refine as one does."""

import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from src.ranks.launcher import Launcher
from src.tests.training.refine.several import CASES, SMALL, run_to_its_end, steps_of
from src.training.refine import several
from src.training.refine.refiner import RefineExample

ROOT = Path(__file__).resolve().parents[4]
BOUND = 1e-6
Found = dict[str, dict[str, torch.Tensor]]


@pytest.fixture(scope="module")
def alone(base: str, tmp_path_factory: pytest.TempPathFactory) -> Found:
    folder = tmp_path_factory.mktemp("alone")
    return {case: steps_of(base, folder, case) for case in CASES} | {"end": run_to_its_end(base, folder)}


@pytest.fixture(
    scope="module", params=[pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.long)]
)
def together(request: pytest.FixtureRequest, base: str, tmp_path_factory: pytest.TempPathFactory) -> Found:
    folder = tmp_path_factory.mktemp("together")
    (folder / "base").symlink_to(base)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("OMP_NUM_THREADS", "1")
        command = [sys.executable, "-m", "src.tests.training.refine.several", str(folder)]
        code, failure = Launcher(command, request.param).run()
    assert (code, failure) == (0, None), failure and (failure.trace or failure)
    files = {path.stem: safetensors.torch.load_file(path) for path in folder.glob("*.safetensors")}
    ends = [files.pop(f"end{rank}") for rank in range(request.param)]
    for end in ends[1:]:  # all ranks hold the same bits
        assert all(torch.equal(value, ends[0][name]) for name, value in end.items())
    return files | {"end": ends[0]}


@pytest.mark.parametrize("case", CASES)
def test_draws_rewards_and_gradients_are_those_of_one_process(alone: Found, together: Found, case: str) -> None:
    """With uneven ranks and one that has no dialogue: what is drawn depends on seed, step, dialogue and sample."""
    one, several = alone[case], together[case]
    assert one.keys() == several.keys()
    for name, expected in one.items():
        most = float(expected.abs().max())
        assert most > 0, name
        assert float((several[name] - expected).abs().max()) <= BOUND * max(most, 1.0), name


def test_all_ranks_stop_early_alike_with_the_best_weights(alone: Found, together: Found) -> None:
    """One has memory for less, and all go on as it does."""
    one, several = alone["end"], together["end"]
    assert int(several["room"]) == SMALL
    assert 3 <= len(one["rewards"]) < 10
    assert several["rewards"].tolist() == pytest.approx(one["rewards"].tolist(), rel=BOUND)


def test_items_are_dealt_by_tokens_and_come_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 5, 9, 2 and 3 tokens the rank with the longest has it alone; the other has 5, 3 and 2."""
    monkeypatch.setattr(several, "rank_count", lambda: 2)
    parts = []
    for rank in (0, 1):
        monkeypatch.setattr(several, "own_rank", lambda rank=rank: rank)
        parts.append(several.own_part([5, 9, 2, 3]))
    assert parts == [[1], [0, 2, 3]]
    others = {1: "b"}
    monkeypatch.setattr(several, "gathered", lambda made: [others, made])
    examples = [RefineExample(one, [0] * tokens, "", []) for one, tokens in zip("acde", [5, 9, 2, 3], strict=True)]
    made = several.made_by_all(examples, lambda own: [one.dialogue.upper() for one in own])
    assert made == ["A", "b", "D", "E"]
