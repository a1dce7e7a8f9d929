"""Trains tiny models as one process or as one of several, and writes each step's loss and gradients.

python -m src.tests.training.several.steps FOLDER
"""

import json
import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import safetensors.torch
import torch
from transformers import TrainerCallback

from src.commands import generating
from src.commands.generating import fill, growing_rows, speaking_console
from src.commands.train.train_plan import decided_sharding
from src.data.llm_dataset import create_llm_dataset
from src.errors import YoyakError
from src.models.probe import BOUNDS, probed_once, probes_of
from src.models.probe_result import Probe
from src.ranks.group import is_first_rank, own_rank, rank_count
from src.ranks.joining import one_of_several
from src.ranks.place import place_of
from src.tests.models.conftest import MOST, write_rates
from src.tests.tiny_models import load_tiny, tiny_config
from src.training.guards.one_process import leave_out_launchers
from src.training.llm_trainer import LLMTrainer
from src.training.probe import probe
from src.training.several.cut_weights import whole_on_first
from src.training.several.exchange import StepExchange
from src.training.state.identity import refuse_other_ranks

EXAMPLES = 9  # of uneven lengths; a step takes 4, so the third has a single one, and every further rank none
SUMMARIZED = 4  # dialogues
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
        training__save_minutes=1e9 if own_rank() else 1e-9,  # clocks differ, and all save what is cut together
        **CASES[case],
    )
    if rank_count() == 1:
        config.training.sharding = "none"
    model, tokenizer = load_tiny(config)
    if rank_count() > 1 and case == "packed_cut":
        assert agreeing_probe(model) is False  # all ranks would make the first one's further passes
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:  # zeros at the start, by which A would have no gradient
                parameter.normal_(std=0.1)
    dataset = dataset_of(tokenizer)
    trainer = LLMTrainer(config, model, tokenizer, dataset, dataset)
    if rank_count() > 1 and "cut" in case:
        trainer.trainer.load_faults_state(short_of_memory(trainer.trainer, case))
    if rank_count() > 1 and case == "packed_cut":  # a layer keeps its activations, the inputs of two wait aside
        trainer.trainer.decoder.kept_layers = 1
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


def agreeing_probe(model):
    """Return whether a probe agrees that only the first rank finds apart, by its own rounding; leave none behind."""
    found, _ = probed_once(model, "apart", lambda: Probe("packed", 0.0, 0.0, None, own_rank() > 0, 0.0))
    return probes_of(model).pop("apart").agrees and found.agrees


def float32_asked(base, home):
    """Return what the probe of a cut model in bf16 finds where only the first rank's rounding is over the bound."""
    home.mkdir()
    before = os.environ.get("YOYAK_HOME"), BOUNDS[torch.bfloat16]
    os.environ["YOYAK_HOME"] = str(home)
    write_rates(home, fp32=30.0, bf16=MOST)
    BOUNDS[torch.bfloat16] = (2e-2, 1.0 if own_rank() else 0.0)
    model, _ = load_tiny(tiny_config(base, model__dtype="bf16", training__sharding="weights"))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda one: kept.append(one) or one, lambda one: one):
        found = probe(model, "packed").record()
    os.environ.pop("YOYAK_HOME") if before[0] is None else os.environ.update(YOYAK_HOME=before[0])
    BOUNDS[torch.bfloat16] = before[1]
    assert model.get_input_embeddings().weight.dtype == torch.bfloat16
    return {name: found[name] for name in ("agrees", "from_float32", "own_from_float32")} | {"kept": len(kept)}


def short_of_memory(trainer, case):
    """Return what a run with whole weights, which goes on here, may have learned: one example at a time."""
    room = {"most": 1, "count": 0, "recomputes": False}
    tokens = room | {"most": None}  # of the packed engine, whose micro-batches would be others
    steps = trainer.guard.state_dict()
    return {"training": room if case == "trainer_cut" else tokens, "evaluation": room, "steps": steps}


def refused_identity(base):
    """Return why ranks are refused of which the last has another rate and other data; the first's alone is enough."""
    last = own_rank() == rank_count() - 1
    config = tiny_config(base, training__learning_rate=0.5 if last else 0.25, training__save_steps=7 if last else 8)
    facts = {"config": config.model_dump(), "train_examples": str(last), "eval_examples": None, "model": "m"}
    try:
        refuse_other_ranks(facts)
    except YoyakError as refused:
        return str(refused)
    return None


def summarized(base, file):
    """Fill a file with summaries by MBR, in several parts, of which the last leaves some ranks without a dialogue."""
    config = tiny_config(base, model__dtype="fp32", tokenizer__decoder_max_len=8, generation__mbr_samples=2)
    texts = [f"A: Is it number {index}?\nB: {'No, no. ' * (index * 3 % 5)}Yes." for index in range(SUMMARIZED)]
    saved = growing_rows(file, [{"dialogue": text} for text in texts], ("summary", "ended"), config)
    fill(saved, texts, config, speaking_console(), lambda made: {"summary": made.text, "ended": made.ended})


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
    base, last = str(folder / "base"), own_rank() == rank_count() - 1
    told = {"notices": told_notices(), "refused": refused_identity(base)}
    told["sharding"] = decided_sharding(tiny_config(base), SimpleNamespace(sharding="weights" if last else "none"))
    told["float32"] = float32_asked(base, folder / f"home{own_rank()}")
    (folder / f"told{own_rank()}.json").write_text(json.dumps(told))
    generating._KEPT_EVERY["cpu"] = 1
    summarized(base, folder / "summaries.jsonl")
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
