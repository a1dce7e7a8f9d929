"""Layers' inputs that wait in the host's memory come back as they were, in the order of a backward."""

import pytest
import torch

from src.decoder.host_inputs import HostInputs
from src.decoder.packed_decoder import PackedDecoder
from src.errors import YoyakError
from src.tests.packed_models import adapted_model, examples, packed

CPU = torch.device("cpu")


def test_what_was_put_last_comes_first():
    stack = HostInputs(CPU)
    for shape in ((4, 3), (2, 3), (5, 3)):  # smaller and larger ones use the same places
        stack.begin()
        for number in range(5):
            values = torch.full(shape, float(number))
            stack.put(values)
            values.fill_(-1.0)  # the tensor's memory is another one's by now
        assert len(stack) == 5
        for number in (4, 3, 2, 1, 0):
            assert torch.equal(stack.take(), torch.full(shape, float(number)))
    assert len(stack) == 0


def test_a_forward_without_a_backward_leaves_nothing():
    stack = HostInputs(CPU)
    stack.put(torch.zeros(2, 2))
    put = stack.begin()
    take = put(torch.ones(2, 2))
    assert len(stack) == 1
    assert torch.equal(take(), torch.ones(2, 2))


@pytest.mark.parametrize("kept_layers", [0, 1, 3])
def test_gradients_are_the_same_bits(kept_layers):
    """With micro-batches of several sizes, some layers keeping their activations."""
    model, items = (
        adapted_model("llama", torch.float64, {}, num_hidden_layers=5),
        examples([(37, 9), (130, 24), (9, 4)]),
    )
    decoder = PackedDecoder(model, kept_layers=kept_layers, keeps_inputs=False)
    loss, expected = packed(model, items, 64, 1, None, decoder)
    decoder.host_inputs = HostInputs(CPU)
    got_loss, got = packed(model, items, 64, 1, None, decoder)
    assert got_loss == loss
    assert got.keys() == expected.keys()
    assert all(torch.equal(got[name], gradient) for name, gradient in expected.items())
    assert len(decoder.host_inputs) == 0
    assert len(decoder.host_inputs._hosts) == 5 - kept_layers


def test_a_host_without_room_is_said():
    wide = torch.zeros(1).expand(1 << 50)  # 4.5 PB
    with pytest.raises(YoyakError, match=r"no room for the layers' inputs, 4503599.63 GB a layer and process: lower"):
        HostInputs(CPU)._host(0, wide)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_copies_wait_for_what_the_gpu_still_computes():
    """The processor is far ahead of the GPU, whose products take longer than the copies, and shorter."""
    stack = HostInputs(torch.device("cuda"))
    for width in (64, 4096):
        mixed = torch.randn(width, width, device="cuda") / width**0.5
        for _ in range(3):
            put, values, expected = stack.begin(), torch.randn(2048, width, device="cuda"), []
            for _ in range(7):
                values = values @ mixed
                expected.append(values.double().sum())
                put(values.clone())
            got = []
            for _ in expected:
                got.append(stack.take().double().sum())
                values = values @ mixed  # what a layer computes before the next one's input is asked for
            assert torch.equal(torch.stack(got[::-1]), torch.stack(expected))
