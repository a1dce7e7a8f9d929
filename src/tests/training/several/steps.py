"""Trains tiny models as one process or as one of several, and writes each step's loss and gradients.

python -m src.tests.training.several.steps FOLDER
"""

import json
import math
import sys
from pathlib import Path

import safetensors.torch
import torch
from transformers import TrainerCallback

from src.data.llm_dataset import create_llm_dataset
from src.ranks.group import is_first_rank, own_rank, rank_count
from src.ranks.joining import one_of_several
from src.ranks.place import place_of
from src.tests.tiny_models import load_tiny, tiny_config
from src.training.guards.one_process import leave_out_launchers
from src.training.llm_trainer import LLMTrainer
from src.training.several.cut_weights import whole_on_first
from src.training.several.exchange import StepExchange

EXAMPLES = 9  # of uneven lengths; a step takes 4, so the third has a single one, and every further rank none
CASES = {
    "packed": {"lora__dropout": 0.3},
    "packed_whole": {"lora__use_lora": False, "lora__use_qlora": False},
    "trainer": {"training__engine": "trainer", "lora__use_qlora": False},
    "packed_cut": {"lora__dropout": 0.3, "training__sharding": "weights"},
    "trainer_cut": {
        "training__engine": "trainer",
        "lora__use_lora": False,
        "lora__use_qlora": False,
        "training__sharding": "weights",
    },
}


class Gradients(TrainerCallback):
    """Keeps the gradients that the optimizer is given."""

    def __init__(self, model):
        self.model, self.kept = model, {}

    def on_pre_optimizer_step(self, args, state, control, **_):
        for name, parameter in trained(self.model):
            self.kept[f"{state.global_step}.{name}"] = whole_on_first(parameter.grad)


def trained(model):
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def dataset_of(tokenizer):
    turns = [[f"{'AB'[turn % 2]}: go {'on ' * index}" for turn in range(2 + index % 3)] for index in range(EXAMPLES)]
    dialogues = ["\n".join(of_one) for of_one in turns]
    summaries = ["They go" + " on" * (index * 5 % 7) for index in range(EXAMPLES)]
    return create_llm_dataset(dialogues, summaries, tokenizer, format_type="chat", language="en")


def train_case(case, base, folder):
    """Train an epoch; return losses, evaluation losses and the gradients of each step."""
    config = tiny_config(
        base,
        folder / case,
        model__dtype="fp32",
        training__max_steps=3,
        training__gradient_accumulation_steps=2,
        training__learning_rate=1e-12,  # the weights of all steps are the same
        training__max_grad_norm=1e9,
        training__micro_batch_tokens=256,
        **CASES[case],
    )
    if rank_count() == 1:
        config.training.sharding = "none"
    model, tokenizer = load_tiny(config)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:  # zeros at the start, by which A would have no gradient
                parameter.normal_(std=0.1)
    dataset = dataset_of(tokenizer)
    trainer = LLMTrainer(config, model, tokenizer, dataset, dataset)
    gradients = Gradients(model)
    trainer.trainer.add_callback(gradients)
    trainer.train()
    history = trainer.trainer.state.log_history
    figures = {
        name: torch.tensor([line[name] for line in history if name in line], dtype=torch.float64)
        for name in ("loss", "grad_norm", "eval_loss")
    }
    tokens = torch.tensor(int(trainer.trainer.trained_tokens))
    return gradients.kept | figures | {"tokens": tokens}


def told_notices():
    """Meet once as ranks of which the last has been told to stop and has little memory; return what all know then."""
    exchange = StepExchange(torch.device("cpu"))
    last = own_rank() == rank_count() - 1
    gradients = [torch.full((3,), 1.0), torch.full((2, 2), float(own_rank()))]
    loss = exchange.meet(gradients, torch.tensor(0.5), 15 if last else None, 64 if last else None, last)
    known = vars(exchange.notices)
    bad = exchange.meet([torch.zeros(1)], torch.tensor(math.nan if last else 0.5), None, None, False)
    return [*(gradient.tolist() for gradient in gradients), loss.item(), known, str(bad.item())]


def write_cases(folder):
    (folder / f"told{own_rank()}.json").write_text(json.dumps(told_notices()))
    for case in CASES:
        found = train_case(case, str(folder / "base"), folder / "runs")
        if is_first_rank():
            safetensors.torch.save_file(found, folder / f"{case}.safetensors")


if __name__ == "__main__":
    place = place_of()
    assert place is not None
    torch.set_num_threads(1)
    with one_of_several(place, 1, show_traceback=True):
        leave_out_launchers()
        write_cases(Path(sys.argv[1]))
