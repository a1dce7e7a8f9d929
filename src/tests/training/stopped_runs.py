"""Tiny runs that a signal stops, and what is compared of their ends."""

import hashlib
import json
import os
import signal
from dataclasses import replace

import pytest
from transformers import TrainerCallback

from src.data.llm_dataset import create_llm_dataset
from src.tests.tiny_models import DIALOGUES, SUMMARIES, load_tiny, tiny_config
from src.training.guards.interrupts import TrainingInterrupted
from src.training.llm_trainer import LLMTrainer
from src.training.state.checkpoints import find_checkpoint
from src.training.state.resolved import resolve

MEASURED = ("_per_second", "_runtime", "_bytes", "_busy_percent", "_celsius")
EPOCH = 5  # steps: 4 dialogues under 5 instructions, 4 a step


def config_for(base, folder, engine="packed", **settings):
    training = {
        "training__engine": engine,
        "training__max_steps": None,
        "training__epochs": 3.0,
        "training__gradient_accumulation_steps": 2,
        "training__logging_steps": 2,
        "training__gradient_checkpointing": False,
        "lora__dropout": 0.2,
    }
    return tiny_config(base, folder, **training | settings)


def trainer_for(config, resume=None, callbacks=(), with_eval=True, dialogues=DIALOGUES, pause=None, plan=None):
    """Return a new run's trainer, or one that goes on; a run may have a GPU's plan, though it is computed on a CPU."""
    model, tokenizer = load_tiny(config)
    arguments = {"tokenizer": tokenizer, "format_type": "chat", "language": "en"}
    train = create_llm_dataset(dialogues, SUMMARIES, use_instruction_augmentation=True, **arguments)
    evaluation = create_llm_dataset(DIALOGUES[:2], SUMMARIES[:2], **arguments) if with_eval else None
    resolved = plan and replace(resolve(config, model, train, evaluation), memory_plan=plan)
    given = {"callbacks": callbacks, "resume": resume, "resolved": resolved, "pause": pause}
    return LLMTrainer(config, model, tokenizer, train, evaluation, **given)


class SignalAt(TrainerCallback):
    """Sends this process a signal in a step, in the evaluation after it, or after it was saved."""

    def __init__(self, step, number=signal.SIGTERM, event="step"):
        self.step, self.number, self.event, self.sent = step, number, event, False

    def _at(self, event, state, made=0):
        if not self.sent and state.global_step + made == self.step and self.event == event:
            self.sent = True
            os.kill(os.getpid(), self.number)

    def on_step_begin(self, args, state, control, **_):
        self._at("step", state, made=1)

    def on_prediction_step(self, args, state, control, **_):
        self._at("evaluation", state)

    def on_save(self, args, state, control, **_):
        self._at("save", state)


def stopped(config, *arguments, **options):
    with pytest.raises(TrainingInterrupted) as stop:
        trainer_for(config, callbacks=[SignalAt(*arguments)], **options).train()
    return stop.value


def last_checkpoint(folder):
    checkpoint, damaged = find_checkpoint(folder / "tiny" / "checkpoints")
    assert damaged == []
    return checkpoint


def is_measured(name):
    """Whether a logged figure is a speed or what the machine did, which no two runs have in common."""
    return name.partition("_rank")[0].endswith(MEASURED)


def end_of(folder):
    """The hash of the final adapter or model, and all that was logged but speeds and what the machine did."""
    run = folder / "tiny"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    figures = [{k: v for k, v in line.items() if not is_measured(k)} for line in lines]
    final = run / "final_model"
    weights = next(path for name in ("adapter_model", "model") if (path := final / f"{name}.safetensors").exists())
    return hashlib.sha256(weights.read_bytes()).hexdigest(), figures
