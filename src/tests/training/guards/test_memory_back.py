"""Memory that ran out since others held it: a run computes as planned once they have let go.

That others hold it is a reading here, that memory runs out torch's own error; on a GPU both are real.
"""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training.guards import memory_back
from src.training.guards.out_of_memory import MemoryRoom
from src.training.llm_trainer import LLMTrainer

_HOLDER = """
import sys, torch
free = torch.cuda.mem_get_info()[0]
held = torch.empty(free - 2_000_000_000, dtype=torch.uint8, device="cuda")
print("held", flush=True)
sys.stdin.read()
"""


def trainer_for(folder: Path) -> LLMTrainer:
    checkpoint = write_tiny_model(folder / "base")
    settings = {"lora__use_qlora": False, "training__batch_size": 4, "training__gradient_checkpointing": False}
    config = tiny_config(checkpoint, folder, **settings, training__micro_batch_tokens=1024, training__max_steps=4)
    model, tokenizer = load_tiny(config)
    dataset = tiny_dataset(tokenizer)
    dataset.common_tokens = 0
    return LLMTrainer(config, model, tokenizer, dataset)


@pytest.mark.parametrize("held", ["by others", "by none"])
def test_a_run_computes_as_planned_again_once_others_have_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, held: str
) -> None:
    """Memory runs out in the first of four steps of 592 tokens; what others held is free from the third step on."""
    monkeypatch.setattr(logging.getLogger("yoyak"), "propagate", True)  # a command of another test may have cut it
    caplog.set_level(logging.INFO, "yoyak")
    monkeypatch.setattr(memory_back, "_LOOK_SECONDS", 0.0)
    trainers = [trainer_for(tmp_path / name) for name in ("a", "b")]
    trainer, calls = trainers[0].trainer, list[tuple[int, int]]()
    embed = trainer.decoder.embed
    keeping = trainer.decoder.kept_layers, trainer.decoder.keeps_inputs

    def free(_: int) -> int:
        return 100 if held == "by none" or trainer.state.global_step >= 2 else 99

    def failing_once(ids: torch.Tensor) -> torch.Tensor:
        calls.append((trainer.state.global_step, len(ids)))
        if len(calls) == 1:
            torch.empty(1 << 60)  # more than any machine has: the allocator's own error
        return embed(ids)

    monkeypatch.setattr(memory_back, "room_bytes", free)
    trainer.planned_memory, trainer.decoder.embed = memory_back.PlannedMemory(100), failing_once
    results = [one.train() for one in trainers]
    largest = [max(tokens for step, tokens in calls[1:] if step == number) for number in range(4)]
    assert calls[0] == (0, 592)
    assert largest == [295, 295, 295, 592 if held == "by others" else 295]  # the third was packed before the second
    size = None if held == "by others" else 296
    assert trainer.faults()["out_of_memory_in_training"] == {"count": 1, "micro_batch_tokens": size}
    assert trainer.room.is_of_others is False
    said = "Memory that others held is free again: micro-batches of 1024 tokens from here on"
    assert caplog.messages.count(said) == (held == "by others")
    assert (trainer.decoder.kept_layers, trainer.decoder.keeps_inputs) == keeping
    ours, theirs = (load_file(f"{result['model_path']}/adapter_model.safetensors") for result in results)
    assert max(float((ours[name] - value).norm() / value.norm()) for name, value in theirs.items()) < 1e-3


def test_whose_memory_ran_out_is_known_after_a_resume() -> None:
    room, resumed = MemoryRoom(most=3, count=1, recomputes=True, is_of_others=True), MemoryRoom()
    resumed.load_state_dict(json.loads(json.dumps(room.state_dict())))
    assert resumed == room
    resumed.load_state_dict({"most": 3, "count": 1, "recomputes": False})  # of an earlier version
    assert resumed == MemoryRoom(most=3, count=1)


def test_planned_memory_is_looked_for_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now, free = 0.0, 10
    monkeypatch.setattr(memory_back.time, "monotonic", lambda: now)
    monkeypatch.setattr(memory_back, "room_bytes", lambda _: free)
    memory = memory_back.PlannedMemory(11)
    assert memory.is_taken()
    free = 11
    now = 59.0
    assert not memory.is_back()
    now = 60.0
    assert memory.is_back()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_what_another_process_holds_of_a_gpu_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_back, "_LOOK_SECONDS", 0.0)
    memory = memory_back.PlannedMemory(memory_back.room_bytes(0) - 1_000_000_000)  # the holder takes more
    assert not memory.is_taken()
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert memory.is_taken()
        assert not memory.is_back()
    assert memory.is_back()
