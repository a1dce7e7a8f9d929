import json
import random

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Adafactor

from src.training.state.training_state import optimizer_state, random_states, restore_optimizer, restore_random_states


def through_files(folder, tensors, facts):
    save_file(tensors, folder / "state.safetensors")
    return load_file(folder / "state.safetensors"), json.loads(json.dumps(facts))


def adamw(parameters):
    return torch.optim.AdamW(parameters, lr=0.1, betas=(0.9, 0.95), weight_decay=0.2)


def adafactor(parameters):
    return Adafactor(parameters, lr=0.1, scale_parameter=False, relative_step=False)


def adamw_8bit(parameters):
    import bitsandbytes as bnb

    return bnb.optim.AdamW8bit(parameters, lr=0.1, min_8bit_size=16)


def stepped(optimizer, parameters, number):
    for parameter in parameters:
        generator = torch.Generator().manual_seed(number)
        parameter.grad = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
    optimizer.step()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("create", [adamw, adafactor, adamw_8bit])
def test_an_optimizer_goes_on_bit_for_bit(tmp_path, create, dtype):
    """Also Adafactor's float32 factors beside bfloat16 weights, which torch's own loading rounds."""
    torch.manual_seed(0)
    weights = [torch.randn(8, 16).to(dtype), torch.randn(600).to(dtype)]
    whole = [torch.nn.Parameter(weight.clone()) for weight in weights]
    optimizer = create(whole)
    for number in range(3):
        stepped(optimizer, whole, number)
    tensors, facts = through_files(tmp_path, *optimizer_state(optimizer))
    again = [torch.nn.Parameter(parameter.detach().clone()) for parameter in whole]
    resumed = create(again)
    restore_optimizer(resumed, tensors, facts)
    for number in range(3, 5):
        stepped(optimizer, whole, number)
        stepped(resumed, again, number)
    assert all(torch.equal(one, other) for one, other in zip(whole, again, strict=True))
    for one, other in zip(whole, again, strict=True):
        for name, value in optimizer.state[one].items():
            kept = resumed.state[other][name]
            assert torch.equal(value, kept) if isinstance(value, torch.Tensor) else value == kept
            assert getattr(value, "dtype", None) == getattr(kept, "dtype", None)


def test_groups_keep_their_rates_and_kinds(tmp_path):
    parameters = [torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(3))]
    groups = [{"params": parameters[:1], "lr": 0.3}, {"params": parameters[1:], "lr": 0.7}]
    optimizer = torch.optim.AdamW(groups)
    optimizer.param_groups[0]["lr"] = 1 / 3
    tensors, facts = through_files(tmp_path, *optimizer_state(optimizer))
    resumed = torch.optim.AdamW([{"params": parameters[:1]}, {"params": parameters[1:]}])
    restore_optimizer(resumed, tensors, facts)
    assert [group["lr"] for group in resumed.param_groups] == [1 / 3, 0.7]
    assert resumed.param_groups[0]["betas"] == (0.9, 0.999)


def test_random_numbers_go_on(tmp_path):
    random.gauss(0, 1)
    np.random.normal()  # leaves a second one waiting, as Python's does
    torch.randn(3)
    tensors, facts = through_files(tmp_path, *random_states())

    def drawn():
        return random.gauss(0, 1), random.random(), np.random.normal(), np.random.random(), torch.randn(3).tolist()

    wanted = drawn()
    assert drawn() != wanted
    restore_random_states(tensors, facts)
    assert drawn() == wanted
