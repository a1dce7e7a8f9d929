"""Flash Linear Attention is counted in a plan where the card is this machine's and the library would train there."""

import pytest
import torch

from src.bilingual import Text
from src.kernels import requirements
from src.models import flash_here
from src.models.flash_here import flash_is_here
from src.planner.devices import find_device
from src.planner.shapes import find_shape


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
