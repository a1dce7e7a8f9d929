"""What a run is made of, as settings and hashes: a run goes on only where all of it is as it was."""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from ...config.effects import WITHOUT_EFFECT
from ...config.loader import differences
from ...config.located import located
from ...config.schema import Config
from ...errors import YoyakError
from ...models.shared_layers import shared_layers_of
from ...ranks.group import gathered, rank_count

_LAYER = re.compile(r"\.layers\.(\d+)\.")
_NEUTRAL = (
    *WITHOUT_EFFECT,
    "model.checkpoint",  # may be moved: its weights are compared
    "data.train",  # may be moved: their examples are compared
    "data.eval",
    "training.sharding",
)
"""Settings, or beginnings of their names, that change nothing in the weights."""
_SCORING = ("generation.", "evaluation.")
"""Those too, unless generated summaries decide which weights are best."""
_SAMPLED = 64  # elements of each weight that are compared: another model differs nearly everywhere


def run_identity(config: Config, model: Any, train_dataset: Any, eval_dataset: Any) -> dict[str, Any]:
    """Return settings and hashes of a run, for its checkpoints and `refuse_another_run`."""
    return {
        "config": located(config).model_dump(),
        "train_examples": examples_digest(train_dataset),
        "eval_examples": examples_digest(eval_dataset) if eval_dataset is not None else None,
        "model": model_digest(model),
    }


def examples_digest(dataset: Any) -> str:
    """Return a hash of all examples, ids and labels, in order."""
    digest = hashlib.sha256()
    for index in range(len(dataset)):
        item = dataset[index]
        for name in ("input_ids", "labels"):
            digest.update(np.asarray(item[name], dtype=np.int64).tobytes())
            digest.update(b"/")
    return digest.hexdigest()


def model_digest(model: Any) -> str:
    """Return a hash of names, shapes and some elements of the base model's weights, without the adapter's."""
    return _digest(_in_place(model, _base_weights(model)))


def start_digest(model: Any) -> str:
    """Return the same of what trains, as it is now."""
    return _digest((name, weight) for name, weight in model.named_parameters() if weight.requires_grad)


def _digest(weights: Iterable[tuple[str, torch.Tensor]]) -> str:
    digest = hashlib.sha256()
    for name, weight in weights:
        flat = weight.detach().reshape(-1)
        places = torch.linspace(0, max(len(flat) - 1, 0), min(len(flat), _SAMPLED), dtype=torch.float64).long()
        some = flat[places.to(flat.device)].cpu().contiguous()
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype} ".encode())
        digest.update(some.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def setting_differences(config: Config, earlier: Mapping[str, Any], deciding: Collection[str] = ()) -> list[str]:
    """Return a phrase for each result-changing setting that is not as in `earlier`, a config's dump.

    `deciding` are such besides, which change nothing in other runs.
    """
    try:
        before = Config.model_validate(earlier)
    except ValidationError as error:
        return [f"settings of another version of yoyak ({error.error_count()} can't be read)"]
    scored = config.training.metric_for_best_model == "rouge_sum"
    neutral = _NEUTRAL if scored else (*_NEUTRAL, *_SCORING)
    changed = differences(located(config), located(before)).items()
    return [
        f"{name} is {now!r}, was {was!r}"
        for name, (was, now) in changed
        if name in deciding or not name.startswith(neutral)
    ]


def refuse_another_run(
    place: object, now: Mapping[str, Any], earlier: Mapping[str, Any], config: Config, deciding: Collection[str] = ()
) -> None:
    """Raise YoyakError where settings, data or model are not those of `earlier` (see `run_identity`), naming each.

    `deciding`: as in `setting_differences`.
    """
    settings = setting_differences(config, earlier["config"], deciding)
    refuse_settings(place, settings + list(_hash_differences(now, earlier)))


def refuse_another_model(place: object, model: Any, earlier: Mapping[str, Any], config: Config) -> None:
    """Raise YoyakError where a base model's weights are not those of `earlier` (see `run_identity`)."""
    if model_digest(model) != earlier["model"]:
        refuse_settings(place, [_other_weights(config.model.checkpoint)])


def refuse_settings(place: object, differing: list[str]) -> None:
    """Raise YoyakError that names what differs, where anything does."""
    if differing:
        raise YoyakError(
            f"{place}: can't go on, this is another run: {'; '.join(differing)}; set it back, or begin anew with "
            "--overwrite or another experiment.name"
        )


def refuse_other_ranks(own: Mapping[str, Any]) -> None:
    """Raise YoyakError where a rank's settings, data or model, as `run_identity` returns them, are not the first's."""
    if rank_count() == 1:
        return
    first, *others = gathered(dict(own))
    for rank, its in enumerate(others, 1):
        settings = setting_differences(Config.model_validate(its["config"]), first["config"])
        names = [phrase.split(" is ")[0] for phrase in settings]
        names += [phrase.split(" ")[0] for phrase in _hash_differences(its, first)]
        if names:
            raise YoyakError(
                f"rank {rank} has other {', '.join(names)} than rank 0; start all with the same settings and files"
            )


def _hash_differences(now: Mapping[str, Any], earlier: Mapping[str, Any]) -> Iterator[str]:
    sources = {name: now["config"]["data"][name] for name in ("train", "eval")}
    if now["model"] != earlier["model"]:
        yield _other_weights(now["config"]["model"]["checkpoint"])
    if now["train_examples"] != earlier["train_examples"]:
        yield f"data.train {sources['train']} gives other examples"
    if now["eval_examples"] != earlier["eval_examples"]:
        yield f"data.eval {sources['eval']} gives other examples"


def _other_weights(checkpoint: str) -> str:
    return f"model.checkpoint {checkpoint} has other weights"


def _in_place(model: Any, weights: Iterable[tuple[str, torch.Tensor]]) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield weights by name, those of layers that are cut over the ranks once they are gathered."""
    shared = shared_layers_of(model)
    for name, weight in weights:
        if shared is not None and (layer := _LAYER.search(name)):
            shared.need(int(layer[1]), -1)
        yield name, weight


def _base_weights(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    for name, weight in model.named_parameters():
        if "lora_" not in name and "modules_to_save" not in name and "trainable_tokens_delta" not in name:
            yield name, weight
