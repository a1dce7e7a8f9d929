"""A few tokens through an engine and through the model's own `forward`, before anything is trained or generated.

What an engine leaves out (a scale, a cap, a bias, a variant of an adapter, a module that somebody replaced) shows in
loss, gradients or logits at once, whatever its name.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from peft.tuners.lora import LoraLayer
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..data.batches.padding import RightPadder
from ..data.prompt.templates import IGNORE
from ..ranks.group import agreed
from .autocast import autocast
from .causal_head import learning_head, takes_positions, without_wrapper
from .in_float32 import in_float32
from .probe_result import Probe
from .recomputed import recomputed_layers
from .shared_layers import shared_layers_of

Items = list[dict[str, torch.Tensor]]
LENGTHS = {"cuda": ((112, 32), (88, 24)), "cpu": ((20, 8), (16, 6))}
"""Tokens and targets of the two examples. On a CPU all probes of a run are to take less than a second together: of the
bundled model's 0.9 on two cores (`benchmarks/probe_seconds.py`) two thirds are there with any number of tokens.
"""
_DRAWS = 3
"""Of tokens in 16 bit, where the rounding of a few decides: with the bundled model in bf16, gradients of a right engine
were 0.05 to 0.09 apart for 6 of 8 draws, and 0.33 and 0.58 for the others. A wrong one disagrees on all.
"""
_FIRST_DRAW = 19  # a seed; with this one the bundled model agrees at once (0.054, logits 0.043)
BOUNDS = {
    torch.float64: (1e-4, 1e-3),
    torch.float32: (1e-4, 1e-3),
    torch.bfloat16: (2e-2, 0.1),
    torch.float16: (5e-3, 0.05),
}
"""Largest relative differences of loss, and of gradients or logits, by what the model computes in.

As measured by `benchmarks/probe_bounds.py` (three families, 2 and 12 layers, and the bundled model), engines that are
right differ by up to 8e-5 in float32 on a CPU, 0.008 in fp16 and in a GPU's TF32, 0.071 in bf16 (gradients 0.042); the
wrong ones, of which the least is a head at nine tenths, by 0.10 and more.
"""
FLOAT8_BOUNDS = (5e-2, 0.5)
_B_SIZE = 0.02
"""Standard deviation of B in the probe: zero, as at an adapter's start, would hide A and the sum; and with a large
adapter on random tokens the rounding of 16 bit alone makes gradients differ by half."""


def is_coarse(model: Any) -> bool:
    """Tell whether a model computes in 16 bit, or on a GPU, whose products of float32 are in TF32 in our kernels."""
    weight = model.get_input_embeddings().weight
    return bool(weight.dtype.itemsize == 2 or (weight.is_cuda and weight.dtype == torch.float32))


def bounds_of(model: Any) -> tuple[float, float]:
    """Return the bounds for what a model computes in."""
    dtype = model.get_input_embeddings().weight.dtype
    return BOUNDS[torch.float16 if dtype == torch.float32 and is_coarse(model) else dtype]


def probe_items(model: Any) -> Items:
    """Return two examples as a data set's items, `input_ids` and `labels`; always the same for a model and draw."""
    generator = torch.Generator().manual_seed(_FIRST_DRAW + _UNDER_WAY[model].draw)
    rows = model.get_input_embeddings().weight.shape[0]
    lengths = LENGTHS[model.get_input_embeddings().weight.device.type]
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None) or lengths[0][0]
    items = []
    for tokens, targets in lengths:
        ids = torch.randint(rows, (tokens,), generator=generator)[:most]
        labels = ids.clone()
        labels[: max(len(ids) - targets, 1)] = IGNORE
        items.append({"input_ids": ids, "labels": labels})
    return items


def padded_batch(items: Items, device: torch.device) -> dict[str, torch.Tensor]:
    """Return items as a batch, padded right."""
    whole = [item | {"attention_mask": torch.ones_like(item["input_ids"])} for item in items]
    return {name: values.to(device) for name, values in RightPadder(0)(whole).items()}


def attention_of_probes(device: torch.device) -> AbstractContextManager[None]:
    """Return how a model's own `forward` attends: on a CPU the backward of torch's fused attention is slow in bf16."""
    return nullcontext() if device.type == "cuda" else sdpa_kernel(SDPBackend.MATH)


@dataclass(frozen=True)
class OwnForward:
    """What a model's own `forward` makes of the probe's examples.

    Attributes:
        loss: mean, in nats a target token, of at least float32; with a graph where it was asked for.
        logits: (targets, vocabulary) before each target, one example after the other, without a graph.
        targets: of each example.
    """

    loss: torch.Tensor
    logits: torch.Tensor
    targets: list[int]


def own_forward(model: Any, with_graph: bool = False) -> OwnForward:
    """Return what the model's own `forward` makes of `probe_items`, adapter and all.

    Within `untouched`, where nothing changes, all that don't ask for a graph share one.
    """
    own = _UNDER_WAY[model].own
    if own is None or with_graph:
        with torch.set_grad_enabled(with_graph):
            own = _own_forward(model)
        _UNDER_WAY[model].own = replace(own, loss=own.loss.detach())
    return own


def _own_forward(model: Any) -> OwnForward:
    causal_lm = without_wrapper(model)
    batch = padded_batch(probe_items(model), model.get_input_embeddings().weight.device)
    ids, mask = batch["input_ids"], batch["attention_mask"]
    targets = batch["labels"][:, 1:]
    before = nn.functional.pad(targets != IGNORE, (0, 1))
    places = torch.nonzero(before.any(0)).squeeze(1)
    some = {"logits_to_keep": places} if takes_positions(causal_lm) else {}
    attention = partial(attention_of_probes, ids.device)
    # What Llama-3-70B's layers keep of these few tokens takes 6.5 GB, in a training that is cut to be within 24.
    saving = torch.is_grad_enabled() and shared_layers_of(model) is not None
    layers = recomputed_layers(causal_lm, attention) if saving else nullcontext()
    with learning_head(causal_lm) as learn, attention(), layers:
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False, **some).logits
        logits = (logits if some else logits[:, places])[before[:, places]]
        learn(before, logits.detach())
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    loss = nn.functional.cross_entropy(wide, targets[targets != IGNORE])
    return OwnForward(loss, logits.detach(), before.sum(1).tolist())


@dataclass
class _UnderWay:
    """What the probes within one `untouched` share: which tokens were drawn, and what the model makes of them."""

    draw: int = 0
    own: OwnForward | None = None


_UNDER_WAY: "WeakKeyDictionary[Any, _UnderWay]" = WeakKeyDictionary()


@contextmanager
def untouched(model: Any) -> Iterator[None]:
    """Compute in eval mode with small random B in the adapters, and leave no trace of it; within another it is that."""
    if model in _UNDER_WAY:
        yield
        return
    modes = [(module, module.training) for module in model.modules()]
    gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
    device = model.get_input_embeddings().weight.device
    kept = [(b, b.clone()) for b in _bs(module for module, _ in modes)]
    for parameter, _ in gradients:
        parameter.grad = None
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            _UNDER_WAY[model] = _UnderWay()
            for module, training in modes:
                if training:
                    module.training = False
            generator = torch.Generator().manual_seed(17)
            with torch.no_grad():
                for b, _ in kept:
                    b.copy_(_B_SIZE * torch.randn(b.shape, generator=generator))
            yield
        finally:
            del _UNDER_WAY[model]
            with torch.no_grad():
                for b, values in kept:
                    b.copy_(values)
            for module, training in modes:
                if training:
                    module.training = True
            for parameter, gradient in gradients:
                parameter.grad = gradient


def _bs(modules: Iterable[Any]) -> list[torch.Tensor]:
    """Return the B of all adapters."""
    layers = [layer for layer in modules if isinstance(layer, LoraLayer)]
    bs = [b.weight.data for layer in layers for b in layer.lora_B.values()]
    return [b for b in bs if b.is_floating_point()]


_KNOWN: "WeakKeyDictionary[Any, dict[str, Probe]]" = WeakKeyDictionary()


def probes_of(model: Any) -> dict[str, Probe]:
    """Return the probes of a model by what they were for: `training`, `loss`, `generation`. It may be added to."""
    return _KNOWN.setdefault(model, {})


def found_by_probes(model: Any) -> dict[str, dict[str, Any]]:
    """Return what the probes of a model have found, for a run's record."""
    return {name: found.record() for name, found in probes_of(model).items()}


def recall_probes(model: Any, found: dict[str, dict[str, Any]]) -> None:
    """Let what earlier probes of a model found, as `found_by_probes` gave it, stand for new ones."""
    probes_of(model).update({name: Probe(**values) for name, values in found.items()})


def probed_once(model: Any, name: str, probe: Callable[[], Probe]) -> tuple[Probe, bool]:
    """Return a model's probe of a name, made now unless there is one; and whether it is new."""
    known = probes_of(model)
    if name in known:
        return known[name], False
    with untouched(model), autocast(model):
        known[name] = _of_all(model, probe())
        for draw in range(1, _DRAWS if is_coarse(model) else 1):
            if known[name].agrees:
                break
            with _other_tokens(model, draw):
                known[name] = _of_all(model, probe())
    return known[name], True


def _of_all(model: Any, found: Probe) -> Probe:
    """Return the first rank's probe where weights are cut over the ranks, which have to make the same passes.

    Each rank's own rounding, which differs on GPUs, may find it within the bounds or not.
    """
    return found if shared_layers_of(model) is None else agreed(lambda: found)


@contextmanager
def _other_tokens(model: Any, draw: int) -> Iterator[None]:
    """Let `probe_items` draw others."""
    before, _UNDER_WAY[model] = _UNDER_WAY[model], _UnderWay(draw)
    try:
        yield
    finally:
        _UNDER_WAY[model] = before


@contextmanager
def same_tokens_in_float32(model: Any) -> Iterator[None]:
    """Let a model whose weights fit (`float32_fits`) compute in float32, and `probe_items` stay; nothing is shared."""
    with in_float32(model), _other_tokens(model, _UNDER_WAY[model].draw):
        yield
