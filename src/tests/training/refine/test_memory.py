"""What of the memory drawing takes and what is left for the update, on a card that is made up."""

from types import SimpleNamespace

import pytest
import torch

from src.config import load_config
from src.errors import YoyakError
from src.planner.devices import find_device
from src.planner.fastest import MemoryLimits
from src.planner.job import job_of
from src.planner.model_shape import ModelShape
from src.training.refine import memory
from src.training.refine.memory import GroupLengths, drawing_rows, left_bytes, update_settings
from src.training.refine.refiner import RefineExample

LARGE = ModelShape("llama", 128256, 3072, 8192, 28, 24, 8, 128, True)
EXAMPLES = [RefineExample("", [1] * (200 + 5 * number), "", [1] * 40) for number in range(64)]
SETTINGS = ("tokenizer.decoder_max_len=40", "lora.r=16")


def test_groups_as_a_training_sees_them():
    """Prompts of 10 and 7 tokens, 3 summaries each; those of the longest prompt may be 6 tokens long."""
    config = load_config("smollm2_135m", ["refine.samples=3", "tokenizer.decoder_max_len=6"])
    groups = GroupLengths.of([RefineExample("", [1] * n, "", [1] * 5) for n in (10, 7)], config)
    assert (groups.lengths, groups.prompt_lengths) == ([9 + 18, 6 + 15], [9, 6])


def test_an_update_is_planned_as_a_step_of_groups():
    config = load_config("smollm2_135m", ["refine.dialogues=7", "refine.steps=9", "training.memory_budget_gb=8"])
    training = update_settings(config, 5.0).training
    assert (training.engine, training.memory_budget_gb, training.optim) == ("packed", 5.0, "adamw_torch_fused")
    assert (training.batch_size, training.gradient_accumulation_steps, training.max_steps) == (7, 1, 9)
    assert training.micro_batch_tokens == "auto"
    config.refine.micro_batch_tokens = 777
    assert update_settings(config, None).training.micro_batch_tokens == 777
    assert config.training.memory_budget_gb == 8


def test_what_is_left_by_hand():
    """Of 100 bytes for the allocator and 50 of the card: 3 of the card's are outside, caches and copies take 6."""
    parts = {"caches": 5, "copies": 1, "outside": 0, "context": 2, "slack": 1, "weights": 9}
    chosen = SimpleNamespace(memory=SimpleNamespace(parts=parts))
    assert left_bytes(chosen, MemoryLimits(100, 50)) == 50 - 3 - 6
    assert left_bytes(chosen, MemoryLimits(20, 50)) == 20 - 6


@pytest.fixture
def card(monkeypatch):
    """A GPU with so many free bytes that holds Llama-3.2-3B's shape in 4 bit."""

    def holds(free: float):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (int(free), int(free)))
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 0)
        monkeypatch.setattr(memory, "this_device", lambda: find_device("H200"))
        config = load_config("llama_3.2_3b", SETTINGS)
        monkeypatch.setattr(memory, "job_of_model", lambda *_: job_of(config, LARGE, find_device("H200")))
        weight = SimpleNamespace(device=torch.device("cuda"))
        return SimpleNamespace(get_input_embeddings=lambda: SimpleNamespace(weight=weight))

    return holds


def test_a_budget_and_a_small_card_leave_room_for_both(card):
    """64 x 8 in 24 GB: caches of at most 512 rows of 768 places, and what is left is enough for the update."""
    model = card(140e9)
    wide = drawing_rows(model, load_config("llama_3.2_3b", SETTINGS), EXAMPLES, EXAMPLES)
    config = load_config("llama_3.2_3b", [*SETTINGS, "training.memory_budget_gb=24"])
    rows, left = drawing_rows(model, config, EXAMPLES, EXAMPLES)
    assert wide[0] == 512
    assert rows < 512
    assert left == pytest.approx(24 - (rows * 768 * 28 * 8 * 128 * 2 * 2 + 8 * 24_313_856) / 1e9)
    small_rows, small_left = drawing_rows(card(24e9), load_config("llama_3.2_3b", SETTINGS), EXAMPLES, EXAMPLES)
    assert small_rows <= rows
    assert small_left < left + 1


def test_what_cannot_fit_is_said(card):
    with pytest.raises(
        YoyakError, match=r"^the GPU's free memory: refining takes \d\.\d GB at the least \(\d\.\d with"
    ):
        drawing_rows(card(2e9), load_config("llama_3.2_3b", SETTINGS), EXAMPLES, EXAMPLES)
    tight = load_config("llama_3.2_3b", [*SETTINGS, "training.memory_budget_gb=2"])
    with pytest.raises(YoyakError, match=r"^training\.memory_budget_gb = 2: refining takes "):
        drawing_rows(card(140e9), tight, EXAMPLES, EXAMPLES)
