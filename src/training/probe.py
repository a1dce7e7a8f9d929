"""The probe of a training engine against the model's own `forward`, and what a run does about it."""

import logging
import time
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from ..bilingual import Text
from ..config.schema import TrainingSettings
from ..data.batches.packing import StepPacker
from ..decoder.packed_decoder import PackedDecoder
from ..errors import YoyakError
from ..models.causal_head import without_wrapper
from ..models.probe import (
    FLOAT8_BOUNDS,
    bounds_of,
    own_forward,
    padded_batch,
    probe_items,
    probed_once,
)
from ..models.probe_result import Probe, compare_losses
from .engine import EngineChoice
from .gradient_comparison import compare_gradients
from .loss import response_loss

_TOKENS = 1024  # of a micro-batch: both examples are in one


def probe_packed(model: Any, float8: bool = False) -> Probe:
    """Compare loss and gradients of the packed engine with those of the model's own `forward`, on two examples.

    Called by `probe` and `probed_engine`, which leave no trace of it; the model is one that `packing_obstacle` has
    nothing against.
    """
    start = time.perf_counter()
    device = model.get_input_embeddings().weight.device
    decoder = PackedDecoder(model, float8=float8)
    step = StepPacker(_TOKENS)(probe_items(model))
    batches, targets = step["micro_batches"], step["target_tokens"]
    loss = sum(float(decoder.add_gradients(b.to(device), targets, None, new_step=b is batches[0])) for b in batches)
    ours = {parameter: parameter.grad for parameter, _ in decoder.gradients.pairs if parameter.grad is not None}
    for parameter in ours:
        parameter.grad = None
    decoder.gradients.detach()  # the layers outlive this decoder
    bounds = FLOAT8_BOUNDS if float8 else bounds_of(model)
    own = partial(_own_backward, model)
    return compare_gradients("packed", model, loss / targets, ours, own, bounds, start, asks_float32=not float8)


def _own_backward(model: Any) -> float:
    """Return the mean loss by the model's own `forward`, and run its backward."""
    loss = own_forward(model, with_graph=True).loss
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())


def probe_loss(model: Any, engine: str = "trainer") -> Probe:
    """Compare `response_loss`, which the trainer engine trains on and every run is evaluated by, in the same way."""
    start = time.perf_counter()
    batch = padded_batch(probe_items(model), model.get_input_embeddings().weight.device)
    causal_lm = without_wrapper(model)
    with torch.no_grad():
        total, targets = response_loss(causal_lm, batch)
    own = float(own_forward(model).loss)
    return compare_losses(engine, float(total) / targets, own, None, bounds_of(model), start)


def probe(model: Any, engine: str, float8: bool = False) -> Probe:
    """Return how far the `packed` or `trainer` engine is from the model's own `forward`; a model is asked once."""
    if engine == "packed":
        return probed_once(model, "training", partial(probe_packed, model, float8))[0]
    return probed_once(model, "loss", partial(probe_loss, model))[0]


def probed_engine(training: TrainingSettings, model: Any, engine: EngineChoice, logger: logging.Logger) -> EngineChoice:
    """Return the engine that trains, after the probe: `engine`, or the trainer where the packed one computes otherwise.

    Raises:
        YoyakError: the packed engine is asked for and disagrees, or even the trainer engine's loss does.
    """
    if engine.name == "packed":
        found = probe(model, "packed", engine.float8)
        if found.agrees:
            logger.info("Probe: %s", found)
        elif training.engine == "packed" or engine.float8:
            raise YoyakError(f"the probe: {found}; this model can't be trained by the packed engine: set training."
                             "engine=auto and training.base_precision=compute")  # fmt: skip
        else:
            logger.warning("Probe: %s; the trainer engine is taken, with the model's own forward", found)
            engine = replace(engine, name="trainer", reason=Text(f"the probe: {found}", f"시험 계산: {found.ko}"))
    found = probe(model, "trainer")
    if not found.agrees:
        raise YoyakError(
            f"the probe: {found}; this model can't be trained here, since its loss would be another than its own"
        )
    if engine.name == "trainer":
        logger.info("Probe: %s", found)
    return engine
