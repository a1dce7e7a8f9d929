"""What can be refined, and the probe of the groups it learns from, against the model's own `forward` of each alone."""

import logging
import time
from functools import partial
from typing import Any

import torch
from torch import nn

from ...config.schema import Config
from ...data.batches.bins import filled_multiple
from ...data.batches.groups import PromptGroup, pack_groups
from ...data.prompt.templates import IGNORE
from ...decoder.captured_passes import CapturedPasses
from ...decoder.described import check_described
from ...decoder.described_settings import Undescribed
from ...decoder.packed_decoder import PackedDecoder, packing_obstacle
from ...errors import YoyakError
from ...models.checkpoint_config import load_checkpoint_config
from ...models.probe import attention_of_probes, bounds_of, probe_items, probed_once
from ...models.probe_result import Probe
from ...models.text_part import without_weights
from ...planner.job import engine_obstacle, method_of, settings_obstacle
from ..gradient_comparison import compare_gradients

_TOKENS = 1024  # of a micro-batch: both groups are in one
_WEIGHTS = (1.0, -0.5)  # of a group's summaries: learned from, and unlearned


def probe_groups(model: Any, captured: bool) -> Probe:
    """Return, and log, how far loss and gradients of two groups are from the model's own; `captured`: by CUDA graphs.

    To be called before the model gets another `PackedDecoder`, whose gradients it would take away.

    Raises:
        YoyakError: they are further apart than rounding explains.
    """
    found, _ = probed_once(model, "refining", partial(_compare_groups, model, captured))
    if not found.agrees:
        raise YoyakError(
            f"the probe: {found}; this model can't be refined here, since it would learn something else than its "
            "rewards"
        )
    logging.getLogger("yoyak").info("Probe: %s", found)
    return found


def refuse_unpacked(config: Config, model: Any, dtype: str) -> None:
    """Raise YoyakError where the packed engine can't train a model, computed in a type, under a run's settings."""
    if obstacle := settings_obstacle(config.training, dtype) or packing_obstacle(model):
        raise YoyakError(f"refining needs the packed engine, which can't train this model: {obstacle}")


def refuse_unpacked_checkpoint(config: Config, checkpoint: str, dtype: str) -> None:
    """Raise YoyakError as `refuse_unpacked` does for what settings and a checkpoint's config tell, without weights."""
    obstacle = engine_obstacle(config, method_of(config), dtype)
    if obstacle is None and not config.model.trust_remote_code:
        try:
            check_described(without_weights(load_checkpoint_config(checkpoint, config.model), checkpoint))
        except Undescribed as undescribed:
            obstacle = undescribed.words
    if obstacle:
        raise YoyakError(f"refining needs the packed engine, which can't train this model: {obstacle}")


def _compare_groups(model: Any, captured: bool) -> Probe:
    start = time.perf_counter()
    device = model.get_input_embeddings().weight.device
    groups = _groups(model)
    decoder = PackedDecoder(model)
    passes = CapturedPasses(decoder, _TOKENS) if captured else None
    (batch,) = (b.to(device) for b in pack_groups(groups, _TOKENS, filled_multiple(_TOKENS) if captured else 1))
    targets = len(batch.targets)
    for _ in range(3 if captured else 1):  # the first compiles, the second captures, the third is a graph's alone
        for parameter, _part in decoder.gradients.pairs:
            parameter.grad = None
        loss = float(decoder.add_gradients(batch, targets, None, passes))
    ours = {parameter: parameter.grad for parameter, _ in decoder.gradients.pairs if parameter.grad is not None}
    for parameter in ours:
        parameter.grad = None
    decoder.gradients.detach()  # the layers outlive this decoder
    own = partial(_own_loss, model, groups, targets)
    return compare_gradients("refining", model, loss / targets, ours, own, bounds_of(model), start)


def _groups(model: Any) -> list[PromptGroup]:
    """Return a group of two summaries for each of the probe's examples: its targets, and half of these backwards."""
    groups = []
    for item in probe_items(model):
        ids, is_target = item["input_ids"], item["labels"] != IGNORE
        prompt, targets = ids[~is_target].tolist(), ids[is_target].tolist()
        groups.append(PromptGroup(prompt, [targets, targets[::-1][: len(targets) // 2]], list(_WEIGHTS)))
    return groups


def _own_loss(model: Any, groups: list[PromptGroup], targets: int) -> float:
    """Return the mean loss of the summaries in nats a token, each computed alone, and learn from them by weight."""
    device = model.get_input_embeddings().weight.device
    loss = learned = torch.zeros((), device=device)
    with torch.enable_grad(), attention_of_probes(device):
        for group in groups:
            for continuation, weight in zip(group.continuations, group.weights, strict=True):
                ids = torch.tensor([*group.prompt, *continuation], device=device)
                logits = model(input_ids=ids[None], use_cache=False).logits[0, len(group.prompt) - 1 : -1]
                wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
                one = nn.functional.cross_entropy(wide, ids[len(group.prompt) :], reduction="sum")
                loss, learned = loss + one.detach(), learned + weight * one
        (learned / targets).backward()  # type: ignore[no-untyped-call]
    return float(loss) / targets
