"""On a CPU, what was freed before a training, an evaluation and the steps after it goes back to the kernel."""

import platform

import psutil
import pytest
import torch
from transformers import TrainerCallback

from src.models.cpu_memory import give_back_freed_memory
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training.llm_trainer import create_llm_trainer

_BLOCKS, _VALUES = 12_000, 15_000  # blocks of 60 KB, which lie side by side in malloc's own memory: 720 MB
_MOST = 240_000_000  # of them that may still be there, with what else was taken since (a first training imports much)


def resident():
    return psutil.Process().memory_info().rss


class FreedBefore(TrainerCallback):
    """Frees many blocks at the end of each phase, and reads in the next one what is resident in place of before."""

    def __init__(self):
        self.held, self.grown, self.above = 0, {}, []
        self.free_many()

    def free_many(self):
        give_back_freed_memory()  # of earlier tests: most blocks take memory of their own, not what little these left
        self.held = resident()
        blocks = [torch.ones(_VALUES) for _ in range(_BLOCKS)]
        self.above.append(torch.ones(_VALUES))  # for what lies at the end malloc gives back by itself
        del blocks

    def read(self, phase):
        self.grown.setdefault(phase, resident() - self.held)

    def on_train_begin(self, *_, **__):
        self.read("training")

    def on_step_end(self, args, state, *_, **__):
        if state.global_step == 2:
            self.free_many()

    def on_prediction_step(self, *_, **__):
        if "evaluation" not in self.grown:
            self.read("evaluation")
            self.free_many()

    def on_evaluate(self, *_, **__):
        self.read("steps")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU, which trains")
@pytest.mark.parametrize("engine", ["packed", "trainer"])
def test_freed_blocks_are_not_held_in_the_next_phase(tmp_path, engine):
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path, training__engine=engine)
    model, tokenizer = load_tiny(config)
    dataset = tiny_dataset(tokenizer)
    freed = FreedBefore()
    assert resident() - freed.held > 1.8 * _MOST  # malloc holds them until it is asked
    create_llm_trainer(config, model, tokenizer, dataset, dataset, callbacks=[freed]).train()
    assert list(freed.grown) == ["training", "evaluation", "steps"]
    assert max(freed.grown.values()) < _MOST
