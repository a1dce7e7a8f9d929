"""What torch's allocator is asked for on a GPU."""

import os
import subprocess
import sys

import pytest
import torch

from src.models.gpu_memory import ask_for_growing_segments


@pytest.mark.parametrize("name", ["PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"])
def test_the_users_settings_stay(name: str) -> None:
    """Of either name that torch reads."""
    chosen = {name: "max_split_size_mb:64"}
    ask_for_growing_segments(chosen, "linux")
    assert chosen == {name: "max_split_size_mb:64"}


def test_only_where_segments_can_grow() -> None:
    """Windows has no such segments, and torch warns there."""
    unset: dict[str, str] = {}
    ask_for_growing_segments(unset, "win32")
    assert unset == {}
    ask_for_growing_segments(unset, "linux")
    assert unset == {"PYTORCH_ALLOC_CONF": "expandable_segments:True"}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_torch_takes_it_when_a_command_begins() -> None:
    program = """
from src.commands.console import quiet_libraries
quiet_libraries()
import torch
torch.ones(1, device="cuda")
print(torch.cuda.memory._snapshot()["allocator_settings"]["expandable_segments"])
"""
    environment = {name: value for name, value in os.environ.items() if "ALLOC_CONF" not in name}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "True"
