"""Refines tiny models as one process or as one of several, and writes each step's figures and gradients.

python -m src.tests.training.refine.several FOLDER
"""

import sys
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from src.ranks.group import is_first_rank, own_rank, rank_count
from src.ranks.joining import one_of_several
from src.ranks.place import place_of
from src.tests.training.refine.tiny_refiner import refiner_of, run_of
from src.training.guards.one_process import leave_out_launchers

# Of 4 dialogues a step takes 3, by 2 processes unevenly; then 2, which leave a third process none.
CASES: dict[str, dict[str, Any]] = {
    "adapted": {"use_lora": True, "dialogues": 3, "kl": 0.1, "imitation": 0.5},
    "whole": {"use_lora": False, "dialogues": 2, "average": 0.5},
}
STILL = 1e-12  # a learning rate that leaves the weights of all steps the same
SMALL = 40  # tokens at a time, on the rank with the least memory


def steps_of(base: str, folder: Path, case: str) -> dict[str, torch.Tensor]:
    """Make two steps; return the ids that were drawn, figures, and gradients."""
    refiner = refiner_of(base, folder, learning_rate=STILL, samples=4, **CASES[case])
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in refiner.parameters.items():
            if "lora_B" in name:  # zeros at the start, by which A would have no gradient
                parameter.normal_(std=0.1)
    found: dict[str, torch.Tensor] = {}
    for step in range(2):
        figures = refiner.train_step()
        numbers = [value for name, value in figures.items() if "seconds" not in name]
        found[f"{step}.figures"] = torch.tensor(numbers, dtype=torch.float64)
        found |= {f"{step}.{name}": p.grad.clone() for name, p in refiner.parameters.items() if p.grad is not None}
    evaluated = refiner.evaluate(refiner.examples).values()
    return found | {"evaluated": torch.tensor(list(evaluated), dtype=torch.float64)}


def run_to_its_end(base: str, folder: Path) -> dict[str, torch.Tensor]:
    """Refine until patience ends it; return the best weights, evaluations, and the tokens computed at a time."""
    run_folder = folder / "run"
    run_folder.mkdir(parents=True, exist_ok=True)
    refiner = refiner_of(base, folder, steps=9, eval_steps=1, patience=2, learning_rate=0.03)
    if own_rank() == rank_count() - 1:
        refiner.micro_batch_tokens = SMALL
    run = run_of(refiner, run_folder)
    run.train()
    rewards = torch.tensor([one["eval_reward"] for one in run.evaluations], dtype=torch.float64)
    room = torch.tensor(refiner.micro_batch_tokens)
    return {name: p.detach().clone() for name, p in refiner.parameters.items()} | {"rewards": rewards, "room": room}


if __name__ == "__main__":
    place = place_of()
    assert place is not None
    torch.set_num_threads(1)
    where = Path(sys.argv[1])
    base = str(where / "base")
    with one_of_several(place, 1, show_traceback=True):
        leave_out_launchers()
        for case in CASES:
            found = steps_of(base, where / "runs", case)
            if is_first_rank():
                safetensors.torch.save_file(found, where / f"{case}.safetensors")
        safetensors.torch.save_file(run_to_its_end(base, where), where / f"end{own_rank()}.safetensors")
