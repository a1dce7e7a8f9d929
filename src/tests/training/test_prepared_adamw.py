"""AdamW with prepared tensors against torch's, bit for bit."""

from typing import Any

import pytest
import torch
from torch import nn

from src.training.prepared_adamw import PreparedAdamW, prepared
from src.training.state.training_state import optimizer_state, restore_optimizer

SHAPES = [(16, 8), (3, 5), (1,), (7, 33)]


def made(kind: type[torch.optim.AdamW]) -> tuple[list[nn.Parameter], torch.optim.AdamW]:
    """Return parameters and their optimizer, of two groups and an empty one."""
    torch.manual_seed(0)
    some = [nn.Parameter(torch.randn(shape)) for shape in SHAPES]
    groups = [
        {"params": some[:3], "weight_decay": 0.1},
        {"params": [], "weight_decay": 0.0},
        {"params": some[3:], "weight_decay": 0.0, "lr": 0.05},
    ]
    for parameter in some:
        parameter.grad = torch.zeros_like(parameter)
    return some, kind(groups, lr=0.01, fused=True)


def step(some: list[nn.Parameter], optimizer: Any, number: int) -> None:
    """Make step `number`, whose gradients stay in their tensors; one is left out, one has a parameter without any."""
    generator = torch.Generator().manual_seed(number)
    kept = [parameter.grad for parameter in some]
    for parameter in some:
        assert parameter.grad is not None
        parameter.grad.copy_(torch.randn(parameter.shape, generator=generator))
    optimizer.param_groups[0]["lr"] = 0.01 / (1 + number)
    optimizer.grad_scale, optimizer.found_inf = None, torch.tensor(float(number == 3))
    if number == 5:
        some[1].grad = None
    optimizer.step()
    for parameter, gradient in zip(some, kept, strict=True):
        parameter.grad = gradient


def assert_equal(ours: list[nn.Parameter], its: Any, theirs: list[nn.Parameter], other: Any) -> None:
    for mine, wanted in zip(ours, theirs, strict=True):
        assert torch.equal(mine, wanted)
        assert its.state[mine].keys() == other.state[wanted].keys()
        for name, value in other.state[wanted].items():
            assert torch.equal(its.state[mine][name], value), name


def test_steps_are_those_of_torch_bit_for_bit() -> None:
    ours, mine = made(PreparedAdamW)
    theirs, other = made(torch.optim.AdamW)
    for number in range(9):
        step(ours, mine, number)
        step(theirs, other, number)
        assert_equal(ours, mine, theirs, other)
        assert mine._holds() == (number != 5)  # a gradient that is missing is looked for anew
    assert [mine.state[parameter]["step"].item() for parameter in ours] == [8, 7, 8, 8]


@pytest.mark.parametrize("old", [torch.optim.AdamW, PreparedAdamW])
def test_a_saved_state_goes_on_whichever_wrote_it(old: type[torch.optim.AdamW]) -> None:
    theirs, other = made(old)
    for number in range(3):
        step(theirs, other, number)
    tensors, facts = optimizer_state(other)
    assert tensors["0.step"].shape == ()
    ours, mine = made(PreparedAdamW)
    for number in (7, 8):  # it had other tensors before
        step(ours, mine, number)
    with torch.no_grad():
        for mine_, wanted in zip(ours, theirs, strict=True):
            mine_.copy_(wanted)
    restore_optimizer(mine, tensors, facts)
    for number in range(3, 8):
        step(theirs, other, number)
        step(ours, mine, number)
        assert_equal(ours, mine, theirs, other)


def test_groups_that_are_not_fused_are_torch_s_own() -> None:
    ours, mine = made(PreparedAdamW)
    theirs, other = made(torch.optim.AdamW)
    for optimizer in (mine, other):  # as a checkpoint of such an optimizer would have it
        optimizer.param_groups[0]["fused"] = False
    for _ in range(3):
        for parameter in (*ours, *theirs):
            assert parameter.grad is not None
            parameter.grad.fill_(0.5)
        mine.step()
        assert mine._prepared is None
        other.step()
        assert_equal(ours, mine, theirs, other)


def test_it_stands_in_for_fused_adamw_alone() -> None:
    assert prepared(torch.optim.AdamW, {"fused": True}) is PreparedAdamW
    assert prepared(torch.optim.AdamW, {}) is torch.optim.AdamW
    assert prepared(torch.optim.SGD, {"fused": True}) is torch.optim.SGD
