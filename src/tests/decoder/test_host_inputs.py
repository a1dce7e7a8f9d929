"""What waits in the host's memory of layers comes back as it was, in the order of a backward."""

from collections import Counter

import pytest
import torch

from src.decoder import decoder_layer
from src.decoder.host_inputs import HostInputs, HostStack
from src.decoder.packed_decoder import PackedDecoder
from src.errors import YoyakError
from src.tests.packed_models import WRITTEN_OUT, adapted_model, examples, packed

CPU = torch.device("cpu")


def test_what_was_put_last_comes_first():
    stack = HostStack(CPU)
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
    stack = HostStack(CPU)
    stack.put(torch.zeros(2, 2))
    stack.begin()
    stack.put(torch.ones(2, 2))
    assert len(stack) == 1
    assert torch.equal(stack.take(), torch.ones(2, 2))


def test_tensors_of_a_stack_may_differ():
    """As what the first products give where kinds of layers alternate, and the last layer's few rows."""
    stack, shapes = HostStack(CPU), [(2, 3), (4, 5), (2, 3), (4, 5), (1, 5)]
    for _ in range(2):
        stack.begin()
        for number, shape in enumerate(shapes):
            stack.put(torch.full(shape, float(number)))
        for number, shape in reversed(list(enumerate(shapes))):
            taken = stack.take()
            assert torch.equal(taken, torch.full(shape, float(number)))
            taken.fill_(-1.0)


def test_room_is_half_of_what_is_free_for_all_processes(monkeypatch):
    stack = HostStack(CPU)
    monkeypatch.setattr("src.decoder.host_inputs.free_bytes", lambda _: 2 * 4 * 1024)
    monkeypatch.setattr("src.decoder.host_inputs.rank_count", lambda: 4)
    assert stack.has_room([500, 300])  # as 512 each
    assert not stack.has_room([500, 300, 1])
    stack.put(torch.zeros(128))  # of 4 bytes
    assert stack.has_room([500, 500, 500])
    assert not stack.has_room([500, 500, 500, 500])


def host_inputs(decoder):
    return HostInputs(CPU, [layer.qkv.outputs for layer in decoder.layers])


@pytest.mark.parametrize("kept_layers", [0, 1, 3])
def test_gradients_are_the_same_bits(kept_layers):
    """With micro-batches of several sizes, some layers keeping their activations."""
    model, items = (
        adapted_model("llama", torch.float64, {}, num_hidden_layers=5),
        examples([(37, 9), (130, 24), (9, 4)]),
    )
    check_same_bits(model, items, kept_layers)


@pytest.mark.parametrize("family", WRITTEN_OUT)
def test_gradients_of_every_family_are_the_same_bits(family):
    """Norms after the parts, gates, other sizes of heads, a gated delta rule; and with dropout."""
    model = adapted_model(family, torch.float64, {"lora_dropout": 0.3}, **WRITTEN_OUT[family])
    check_same_bits(model, examples([(37, 9), (30, 24), (9, 4)]), 0, (7, 1))


def check_same_bits(model, items, kept_layers, key=None):
    decoder = PackedDecoder(model, kept_layers=kept_layers, keeps_inputs=False)
    loss, expected = packed(model, items, 64, 1, key, decoder)
    decoder.host_inputs = HostInputs(CPU, [layer.qkv.outputs for layer in decoder.layers])
    got_loss, got = packed(model, items, 64, 1, key, decoder)
    assert got_loss == loss
    assert got.keys() == expected.keys()
    assert all(torch.equal(got[name], gradient) for name, gradient in expected.items())
    for stack in decoder.host_inputs.stacks:
        assert len(stack) == 0
        assert len(stack._hosts) == len(decoder.layers) - kept_layers


@pytest.mark.parametrize(("free", "computed"), [(1 << 40, 1), (0, 2)])
def test_the_first_two_products_are_computed_again_where_the_host_has_no_room(free, computed, monkeypatch):
    monkeypatch.setattr("src.decoder.host_inputs.free_bytes", lambda _: free)
    monkeypatch.setattr("src.decoder.decoder_layer._product", count := Counted(decoder_layer._product))
    model, items = adapted_model("llama", torch.float64, {}), examples([(37, 9)])
    decoder = PackedDecoder(model, kept_layers=0, keeps_inputs=False)
    decoder.host_inputs = HostInputs(CPU, [layer.qkv.outputs for layer in decoder.layers])
    gradients = packed(model, items, 64, 1, None, decoder)[1]
    for layer in decoder.layers:
        assert [count.computed[linear] for linear in layer.linears[:3]] == [computed, computed, 2]
    decoder.host_inputs = None
    expected = packed(model, items, 64, 1, None, decoder)[1]
    assert all(torch.equal(gradients[name], gradient) for name, gradient in expected.items())


class Counted:
    """Counts how often each product is computed."""

    def __init__(self, call):
        self.call, self.computed = call, Counter()

    def __call__(self, linear, fused_input, drop, known, loaded):
        self.computed[linear] += known is None
        return self.call(linear, fused_input, drop, known, loaded)


def test_a_host_without_room_is_said():
    wide = torch.zeros(1).expand(1 << 50)  # 4.5 PB
    with pytest.raises(YoyakError, match=r"no room for the layers' inputs, 4503599.63 GB a layer and process: lower"):
        HostStack(CPU)._host(0, wide)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_copies_wait_for_what_the_gpu_still_computes():
    """The processor is far ahead of the GPU, whose products take longer than the copies, and shorter."""
    stack = HostStack(torch.device("cuda"))
    for width in (64, 4096):
        mixed = torch.randn(width, width, device="cuda") / width**0.5
        for _ in range(3):
            stack.begin()
            values, expected = torch.randn(2048, width, device="cuda"), []
            for _ in range(7):
                values = values @ mixed
                expected.append(values.double().sum())
                stack.put(values.clone())
            got = []
            for _ in expected:
                got.append(stack.take().double().sum())
                values = values @ mixed  # what a layer computes before the next one's input is asked for
            assert torch.equal(torch.stack(got[::-1]), torch.stack(expected))
