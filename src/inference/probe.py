"""The probe of what generates against the model's own `forward`: the logits of two prompts and of a token more each."""

import logging
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from ..decoder.cached_decoder import CachedDecoder
from ..decoder.decoder_obstacle import decoder_obstacle
from ..decoder.row_batch import RowBatch
from ..errors import YoyakError
from ..models.in_float32 import FromFloat32, float32_fits
from ..models.probe import (
    OwnForward,
    bounds_of,
    own_forward,
    probe_items,
    probed_once,
    same_tokens_in_float32,
)
from ..models.probe_result import Probe, beside_float32, compare_losses


def probe_rows(model: Any, engine: str, new_rows: Callable[[], Any]) -> Probe:
    """Compare the logits after prompts, and after a token more, with those of the model's own `forward`.

    `new_rows` makes an empty batch of sequences that are continued together: a `RowBatch`, or the server's `Slots`.
    `engine` is what sentences call them.

    Raises:
        YoyakError: the model's own logits are no numbers, of which any engine writes `!!!!`.
    """
    start = time.perf_counter()
    ids = [item["input_ids"].tolist() for item in probe_items(model)]
    with torch.inference_mode():
        rows = new_rows()
        ours = [rows.add([one[:-2] for one in ids]).clone(), rows.step([one[-2] for one in ids]).clone()]
        whole = own_forward(model)
        theirs = _last_logits(whole)
    last = torch.tensor([one[-2:] for one in ids], device=theirs.device).T.flatten()
    both = torch.cat(ours).float(), theirs.float()
    error = (both[0] - both[1]).norm() / (both[1] - both[1].mean(dim=1, keepdim=True)).norm().clamp(min=1e-30)
    loss, own = (float(nn.functional.cross_entropy(logits, last)) for logits in both)
    if not math.isfinite(own):
        raise YoyakError(
            f"{model.config._name_or_path}: the model's scores of a text are no numbers (NaN or infinite): its weights "
            "or its adapter are broken; get them again"
        )
    bounds = bounds_of(model)
    found = compare_losses(engine, loss, own, float(error), bounds, start)
    if found.agrees or not float32_fits(model):
        return found
    with torch.no_grad(), same_tokens_in_float32(model):
        wide = _last_logits(own_forward(model))
    of_ours, of_own = (_distance(logits, wide) for logits in both)
    return beside_float32(found, of_ours, of_own, float(nn.functional.cross_entropy(wide, last)), bounds[0], start)


def _last_logits(own: OwnForward) -> torch.Tensor:
    """Return the logits after all but a token of each example, then after all (2 x examples, vocabulary)."""
    return torch.stack([logits[-2:] for logits in torch.split(own.logits, own.targets)], dim=1).flatten(0, 1)


def _distance(logits: torch.Tensor, wide: torch.Tensor) -> FromFloat32:
    """Return where logits are from those in float32; what all of a row have in common says nothing."""
    narrow, wide = (x - x.mean(dim=1, keepdim=True) for x in (logits, wide))
    sums = (narrow - wide).square().sum(), (narrow * wide).sum(), wide.square().sum()
    return FromFloat32.of(*(float(x) for x in sums))


def probe_cached(model: Any) -> Probe:
    """Return the probe of the cached decoder, with which a model generates where `decoder_obstacle` allows it."""
    return probe_rows(model, "cached decoder's", lambda: RowBatch(CachedDecoder(model)))


def generates_fast(model: Any) -> bool:
    """Tell whether the cached decoder generates for a model: the model is one it supports, and a probe has agreed."""
    if decoder_obstacle(model) is not None:
        return False
    found, new = probed_once(model, "generation", partial(probe_cached, model))
    logger = logging.getLogger("yoyak")
    if new and found.agrees:
        logger.debug("Probe: %s", found)
    elif new:
        logger.warning("Probe: %s; transformers generates, which is slower", found)
    return found.agrees
