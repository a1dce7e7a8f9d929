"""Flash Linear Attention is counted in a plan where the card is this machine's and the library would train there."""

import pytest
import torch

from src.bilingual import Text
from src.commands.models import _needs
from src.config import load_config
from src.kernels import requirements
from src.models import flash_here
from src.models.flash_here import flash_is_here
from src.planner.devices import find_device
from src.planner.lengths import lengths_by_hand
from src.planner.shapes import find_shape
from src.search.costs import Machine


@pytest.mark.parametrize(
    ("model", "planned", "found", "obstacle", "expected"),
    [
        ("Qwen/Qwen3.5-4B", "H200", ("NVIDIA H200", 1), None, True),
        ("Qwen/Qwen3.5-4B", "H200", ("NVIDIA H200", 1), Text("it is not installed", "없음"), False),
        ("Qwen/Qwen3.5-4B", "L4", ("NVIDIA H200", 1), None, False),
        ("Qwen/Qwen3.5-4B", "H200", None, None, False),
        ("meta-llama/Llama-3.2-1B-Instruct", "H200", ("NVIDIA H200", 1), None, False),
    ],
)
def test_on_this_machines_card(
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    planned: str,
    found: tuple[str, int] | None,
    obstacle: Text | None,
    expected: bool,
) -> None:
    monkeypatch.setattr(flash_here, "detected_card", lambda: found)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(requirements, "flash_delta_obstacle", lambda device, width: obstacle)
    assert flash_is_here(find_shape(model)[0], find_device(planned)) is expected


def test_other_plans_for_this_machine_count_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    config, device = load_config("qwen3.5_4b"), find_device("H200")
    needs = []
    for computes in (False, True):
        monkeypatch.setattr(flash_here, "flash_is_here", lambda *_, found=computes: found)
        needs.append(_needs(config, device))
    (bytes_by_torch, seconds_by_torch), (fewer, shorter) = needs
    assert None not in (bytes_by_torch, seconds_by_torch, fewer, shorter)
    assert fewer < bytes_by_torch
    assert shorter < seconds_by_torch
    lengths = lengths_by_hand("300,600,1000", 200)
    by_torch, by_flash = (
        Machine(find_shape("Qwen/Qwen3.5-4B")[0], lengths, lengths, device, flash=flash) for flash in (False, True)
    )
    assert by_flash.units(config).step < by_torch.units(config).step
