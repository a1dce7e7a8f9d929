"""The fused adapter layer against the slow, obvious one, forward and backward."""

import pytest
import torch
from torch import nn

from src.data.padding import RightPadder
from src.kernels.lora_linear import draw_keep_mask, lora_linear
from src.models.fused_lora import FusedLinear, FusedLinear4bit, fuse_adapters
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training.loss import response_loss


def tensors(dtype=torch.float64, bias=True):
    torch.manual_seed(0)
    x = torch.randn(2, 5, 6, dtype=dtype, requires_grad=True)
    weight, b0 = torch.randn(7, 6, dtype=dtype), torch.randn(7, dtype=dtype) if bias else None
    a = torch.randn(3, 6, dtype=dtype, requires_grad=True)
    b = torch.randn(7, 3, dtype=dtype, requires_grad=True)
    return x, weight, b0, a, b


def reference(x, weight, bias, a, b, scaling, keep=None, dropout=0.0):
    dropped = x if keep is None else x * keep.view(x.shape) / (1 - dropout)
    return nn.functional.linear(x, weight, bias) + scaling * nn.functional.linear(nn.functional.linear(dropped, a), b)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_equals_the_reference_in_float64(dropout, bias):
    x, weight, b0, a, b = tensors(bias=bias)
    torch.manual_seed(1)
    output = lora_linear(x, weight, b0, a, b, 2.0, dropout)
    torch.manual_seed(1)
    keep = draw_keep_mask(torch.Size((10, 6)), dropout) if dropout else None
    expected = reference(x, weight, b0, a, b, 2.0, keep, dropout)
    assert output.shape == (2, 5, 7)
    assert torch.allclose(output, expected, rtol=1e-12)
    upstream = torch.randn_like(output)
    ours = torch.autograd.grad(output, (x, a, b), upstream)
    theirs = torch.autograd.grad(expected, (x, a, b), upstream)
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, other, rtol=1e-10)


def test_an_input_without_gradient():
    x, weight, b0, a, b = tensors()
    output = lora_linear(x.detach(), weight, b0, a, b, 2.0)
    grad_a, grad_b = torch.autograd.grad(output.sum(), (a, b))
    assert grad_a.abs().sum() > 0
    assert grad_b.abs().sum() > 0


def test_the_mask_has_the_rate_and_follows_torchs_seed():
    torch.manual_seed(3)
    first, second = (draw_keep_mask(torch.Size((1000, 1000)), 0.05) for _ in range(2))
    assert first.dtype == torch.bool
    assert 1 - first.float().mean().item() == pytest.approx(0.05, abs=0.001)
    assert not torch.equal(first, second)
    torch.manual_seed(3)
    assert torch.equal(draw_keep_mask(torch.Size((1000, 1000)), 0.05), first)


def gradients_of(checkpoint, folder, monkeypatch, fused, use_qlora, checkpointing=False, dropout=0.0):
    monkeypatch.setattr("src.models.lora_loader.fuse_adapters", fuse_adapters if fused else lambda model: 0)
    config = tiny_config(checkpoint, folder, lora__use_qlora=use_qlora, lora__dropout=dropout)
    model, tokenizer = load_tiny(config)
    kinds = {type(module) for module in model.modules()}
    assert bool(kinds & {FusedLinear, FusedLinear4bit}) is fused
    torch.manual_seed(5)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # a new adapter's B is zero, and with it A's gradient
            nn.init.normal_(parameter, std=0.1)
    if checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.train()
    dataset = tiny_dataset(tokenizer)
    total, targets = response_loss(model.get_base_model(), RightPadder(0)([dataset[0], dataset[2]]))
    (total / targets).backward()
    return {name: p.grad for name, p in model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("use_qlora", [True, False])
def test_a_models_gradients_equal_pefts(tmp_path, monkeypatch, use_qlora):
    checkpoint = write_tiny_model(tmp_path / "base")
    fused = gradients_of(checkpoint, tmp_path, monkeypatch, True, use_qlora)
    peft = gradients_of(checkpoint, tmp_path, monkeypatch, False, use_qlora)
    assert fused.keys() == peft.keys()
    for name, gradient in fused.items():
        assert torch.allclose(gradient, peft[name], rtol=1e-4, atol=1e-6), name
    assert all(gradient.abs().max() > 0 for gradient in fused.values())


def test_recomputation_draws_the_same_masks(tmp_path, monkeypatch):
    checkpoint = write_tiny_model(tmp_path / "base")
    kept = gradients_of(checkpoint, tmp_path, monkeypatch, True, True, checkpointing=False, dropout=0.2)
    recomputed = gradients_of(checkpoint, tmp_path, monkeypatch, True, True, checkpointing=True, dropout=0.2)
    for name, gradient in kept.items():
        assert torch.equal(gradient, recomputed[name]), name
