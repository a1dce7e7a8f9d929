"""The logits of chosen positions as a model's own class computes them, whatever it does around its head.

Most classes apply a linear head to their decoder's last states and nothing else. Some divide the logits (Granite),
multiply them (Cohere), cap them (Gemma 2), or feed the decoder in a way of their own. Which it is, is tried out on a
few tokens, since names and settings of such things are each class's own.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Literal, TypeAlias
from weakref import WeakKeyDictionary

import torch
from peft import PeftModel
from torch import nn
from transformers.modeling_outputs import BaseModelOutputWithPast

HeadKind: TypeAlias = Literal["bare", "own", "whole"]
"""`bare`: the logits are the linear head of the states that the class's `forward` gets of its decoder. `own`: it makes
more of them, position by position. `whole`: only its whole `forward` is known to give them.
"""
_KINDS: "WeakKeyDictionary[nn.Module, HeadKind]" = WeakKeyDictionary()
_TOKENS = 4  # on which it is tried out
_LARGE = 64.0  # times the states: a cap shows on large logits only
_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4}  # relative to the largest logit; 16 bit below
_TOLERANCE_16_BIT = 2e-2


class _States(BaseModelOutputWithPast):
    """A decoder's output that holds states alone: all else that a class asks for is None."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


def without_wrapper(model: Any) -> Any:
    """Return a causal language model itself, out of an adapter's outer wrapper where it has one."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def head_kind(causal_lm: Any) -> HeadKind:
    """Return how a model (without an adapter's outer wrapper) makes its logits; a model is tried out once."""
    if causal_lm not in _KINDS:
        was_training = causal_lm.training
        ids = torch.arange(1, 1 + _TOKENS, device=causal_lm.get_input_embeddings().weight.device)[None]
        causal_lm.eval()
        try:
            with torch.no_grad(), learning_head(causal_lm) as learn:
                learn(torch.ones_like(ids, dtype=torch.bool), causal_lm(input_ids=ids, use_cache=False).logits[0])
        finally:
            causal_lm.train(was_training)
    return _KINDS[causal_lm]


@contextmanager
def learning_head(causal_lm: Any) -> Iterator[Callable[[torch.Tensor, torch.Tensor], None]]:
    """Learn a model's `head_kind` of a `forward` of its own that is run here in any case.

    Yields:
        What takes positions (batch, length), bool, and their logits (positions, vocabulary) afterwards.
    """
    outputs: list[Any] = []

    def learn(positions: torch.Tensor, logits: torch.Tensor) -> None:
        if causal_lm not in _KINDS:
            _KINDS[causal_lm] = _tried_out(causal_lm, outputs, positions, logits)

    with ExitStack() as hooks:
        with suppress(Exception):  # a class's own code: without a decoder there are no outputs of one
            handle = causal_lm.get_decoder().register_forward_hook(lambda _, __, output: outputs.append(output))
            hooks.callback(handle.remove)
        yield learn


def decoder_states(causal_lm: Any, input_ids: torch.Tensor, **arguments: Any) -> torch.Tensor:
    """Return the decoder's states (batch, length, width) when the model's own `forward` calls it.

    Its head gets the last position alone. The arguments go with the ids (batch, length). Not for models whose
    `head_kind` is `whole`.
    """
    states: list[torch.Tensor] = []

    def narrowed(_: nn.Module, __: Any, output: Any) -> Any:
        states.append(output[0])
        last = output[0][:, -1:].contiguous()  # a product with a part of a tensor takes twenty times as long
        return (last, *output[1:]) if isinstance(output, tuple) else _States(last_hidden_state=last)

    handle = causal_lm.get_decoder().register_forward_hook(narrowed)
    try:
        causal_lm(input_ids=input_ids, use_cache=False, **arguments)
    finally:
        handle.remove()
    return states[-1]


def position_logits(causal_lm: Any, states: torch.Tensor) -> torch.Tensor:
    """Return the logits (positions, vocabulary) of the decoder's states (positions, width), in any order."""
    if head_kind(causal_lm) == "bare":
        logits: torch.Tensor = causal_lm.get_output_embeddings()(states)
        return logits
    return _own_logits(causal_lm, states)


def takes_positions(causal_lm: Any) -> bool:
    """Tell whether a model's `forward` can be asked for the logits of some positions."""
    return "logits_to_keep" in inspect.signature(type(causal_lm).forward).parameters


def _own_logits(causal_lm: Any, states: torch.Tensor) -> torch.Tensor:
    """Return what the model's own `forward` makes of states (positions, width): its decoder returns them."""
    ids = torch.zeros(1, len(states), dtype=torch.int64, device=states.device)
    with _forward(causal_lm.get_decoder(), lambda *_, **__: _States(last_hidden_state=states[None])):
        logits: torch.Tensor = causal_lm(input_ids=ids, use_cache=False).logits
    return logits[0]


@contextmanager
def _forward(module: Any, forward: Callable[..., Any]) -> Iterator[None]:
    """Let a module compute something else."""
    before = vars(module).get("forward")
    module.forward = forward
    try:
        yield
    finally:
        del module.forward
        if before is not None:
            module.forward = before


@torch.no_grad()
def _tried_out(causal_lm: Any, outputs: list[Any], positions: torch.Tensor, logits: torch.Tensor) -> HeadKind:
    """Return a model's kind by what its decoder has given and what its own `forward` has made of it."""
    with suppress(Exception):  # a class's own code: whatever it raises, its decoder can't be parted from its head
        states, logits = outputs[-1][0][positions][:_TOKENS], logits[:_TOKENS]
        with suppress(Exception):
            head, large = causal_lm.get_output_embeddings(), _LARGE * states
            if _close(head(states), logits) and _close(head(large), _own_logits(causal_lm, large)):
                return "bare"
        if _close(_own_logits(causal_lm, states), logits):
            return "own"
    return "whole"


def _close(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Tell whether two tensors are equal to rounding; what is not a number in either is left to others."""
    if ours.shape != theirs.shape:
        return False
    coarser = max(_TOLERANCE.get(x.dtype, _TOLERANCE_16_BIT) for x in (ours, theirs))
    return not bool((ours.double() - theirs.double()).abs().max() > coarser * theirs.double().abs().max())
