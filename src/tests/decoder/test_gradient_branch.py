"""What adapters' gradients beside a captured backward take; that they are the same bits is tested on a GPU."""

from typing import Any

import pytest
import torch

from src.architectures import LINEARS
from src.data.batches.bins import BESIDE_BYTES
from src.decoder.captured_passes import CapturedPasses
from src.decoder.gradient_branch import operand_bytes
from src.decoder.packed_decoder import PackedDecoder
from src.planner.captured import captured_bytes
from src.planner.job import TrainingJob
from src.planner.model_shape import ModelShape
from src.tests.packed_models import adapted_model

SHAPE = ModelShape("llama", 64, 32, 48, 2, 4, 2, 8, True)
TOKENS = 512


@pytest.mark.parametrize("targets", [LINEARS, ("q_proj", "v_proj")])
def test_operands_take_what_is_planned(targets: Any) -> None:
    decoder = PackedDecoder(adapted_model("llama", torch.bfloat16, {"target_modules": list(targets)}))
    job = TrainingJob(SHAPE, "lora", "packed", "bf16", 4, targets, 0.0, "adamw_torch", 8, 1, True, TOKENS)
    for layer in decoder.layers:
        assert captured_bytes(job, TOKENS) == 2 * 33_600_000 + 32 * TOKENS + operand_bytes(layer.linears, TOKENS)


def test_only_adapters_of_small_micro_batches_have_a_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.decoder.captured_passes.GradientBranch", lambda device: f"on {device}")
    decoder = PackedDecoder(adapted_model("llama", torch.float32, {}))
    most = BESIDE_BYTES // operand_bytes(decoder.layers[0].linears, 1)
    passes = CapturedPasses(decoder, 64)
    branches = []
    for tokens in (most, most + 1):
        passes.most_tokens = tokens
        passes.__dict__.pop("_branch", None)
        branches.append(passes._branch)
    assert branches == ["on cpu", None]
    assert CapturedPasses(PackedDecoder(adapted_model("llama", torch.float32, None)), 64)._branch is None
