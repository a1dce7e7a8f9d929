"""The mean of several models' weights, from their files: adapters of one base, or whole models of one make."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import torch
import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from ..config.loader import load_config
from ..config.schema import Config
from ..errors import YoyakError, first_line
from ..files import folder_beside
from .adapter_file import AdapterFile, read_adapter
from .average_parts import refuse_same_weights, refuse_unlike_adapter, refuse_unlike_models

_WEIGHTS, _SETTINGS, _RUN = "adapter_model.safetensors", "adapter_config.json", "yoyak.yaml"
_OF_FIRST = ("trainer_state.json", "manifest.json", "training_state.json", "yoyak_export.json", "README.md")
"""What says something of the first model alone, so does not go along with a mean."""
_OTHER_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf")


def average_models(folders: Sequence[Path], to: Path, config: Config | None = None) -> Path:
    """Write the mean of some models, all adapters or all whole, to the folder `to`; return it.

    All else than weights (tokenizer, settings) is taken from the first one; `config` comes in place of its settings.

    Raises:
        YoyakError: they can't be averaged: one alone or twice, other kinds, vocabularies, layers or shapes, the same
            weights, or a kind of adapter that is no plain product.
    """
    refuse_unlike_models(folders)
    adapters = (folders[0] / _SETTINGS).is_file()
    with folder_beside(to, durable=True) as beside:
        for path in folders[0].iterdir():
            if path.is_file() and path.suffix not in _OTHER_WEIGHTS and path.name not in _OF_FIRST:
                shutil.copyfile(path, beside / path.name)
        if config is not None:
            _write_settings(beside / _RUN, config)
        (_average_adapters if adapters else _average_whole)(folders, beside)
    return to


def _average_adapters(folders: Sequence[Path], to: Path) -> None:
    """Write the adapter whose change of each weight is exactly the mean of the others' changes.

    The mean of the factors would be another matrix than that of their products s B A. So the factors are put side by
    side: A = [A1; A2; ...] and B = [s1 B1, s2 B2, ...] / (n s1), whose product times s1 is the mean. The rank is the
    sum of the ranks, which may differ; the scale stays that of the first. What is no factor (rows of added tokens) is
    averaged as it is.
    """
    adapters = [read_adapter(folder) for folder in folders]
    for adapter in adapters:
        refuse_unlike_adapter(adapter, adapters[0])
    for one, other in combinations(adapters, 2):
        if _same_changes(one, other):
            refuse_same_weights(other.folder, one.folder)
    first, others = adapters[0], _others(adapters)
    tensors, ranks, alphas = dict(others), {}, {}
    for layer in first.factors:
        scale = first.scale(layer) or 1.0
        a = torch.cat([adapter.factors[layer][0] for adapter in adapters])
        weighted = [adapter.factors[layer][1] * (adapter.scale(layer) / scale / len(adapters)) for adapter in adapters]
        name = f"base_model.model.{layer}"
        tensors |= {f"{name}.lora_A.weight": a, f"{name}.lora_B.weight": torch.cat(weighted, 1).contiguous()}
        ranks[layer], alphas[layer] = len(a), scale * len(a)
    save_file(tensors, to / _WEIGHTS, {"format": "pt"})
    (rank, _), (alpha, _) = Counter(ranks.values()).most_common(1)[0], Counter(alphas.values()).most_common(1)[0]
    settings = first.settings | {
        "r": rank,
        "lora_alpha": alpha,
        "rank_pattern": {layer: own for layer, own in ranks.items() if own != rank},
        "alpha_pattern": {layer: own for layer, own in alphas.items() if own != alpha},
        "use_rslora": False,
        "init_lora_weights": True,
        "eva_config": None,
    }
    (to / _SETTINGS).write_text(json.dumps(settings, indent=2, sort_keys=True), encoding="utf-8")
    _set_rank(to / _RUN, rank, alpha)


def _same_changes(one: AdapterFile, other: AdapterFile) -> bool:
    """Tell whether two adapters of the same layers have the same factors and scales."""
    factors = [[*one.factors[layer], *other.factors[layer]] for layer in one.factors]
    same_scales = all(one.scale(layer) == other.scale(layer) for layer in one.factors)
    return same_scales and all(_equal(a, c) and _equal(b, d) for a, b, c, d in factors)


def _others(adapters: Sequence[AdapterFile]) -> dict[str, torch.Tensor]:
    """Return the means of the tensors that are no factors."""
    if not adapters[0].others:
        return {}
    folders, stored = [one.folder for one in adapters], [load_file(one.folder / _WEIGHTS) for one in adapters]
    return {name: _mean(name, [tensors[name] for tensors in stored], folders) for name in adapters[0].others}


def _average_whole(folders: Sequence[Path], to: Path) -> None:
    """Write whole models' means, a tensor at a time, into files of the same names as the first one's."""
    files = [sorted(folder.glob("model*.safetensors")) for folder in folders]
    places = [{name: path for path in paths for name in _names(path)} for paths in files]
    for folder, place in zip(folders, places, strict=True):
        if not place:
            raise YoyakError(f"{folder}: can't be averaged: it has no model.safetensors")
        if place.keys() != places[0].keys():
            raise YoyakError(f"{folder}: can't be averaged with {folders[0]}: other weights")
    alike = set(combinations(range(len(folders)), 2))
    for path in files[0]:
        means = {}
        for name in _names(path):
            values = [_stored(place[name], name) for place in places]
            means[name] = _mean(name, values, folders)
            alike = {(one, other) for one, other in alike if _equal(values[one], values[other])}
        save_file(means, to / path.name, {"format": "pt"})
    for one, other in sorted(alike):
        refuse_same_weights(folders[other], folders[one])


def _names(path: Path) -> list[str]:
    try:
        with safe_open(path, framework="pt") as file:
            return list(file.keys())
    except SafetensorError as error:
        raise YoyakError(f"{path}: the weights are broken ({first_line(error)}); copy or train them again") from error


def _stored(path: Path, name: str) -> torch.Tensor:
    with safe_open(path, framework="pt") as file:
        tensor: torch.Tensor = file.get_tensor(name)
        return tensor


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)


def _mean(name: str, values: Sequence[torch.Tensor], folders: Sequence[Path]) -> torch.Tensor:
    """Return the mean of a tensor, made in float32, in the type of the first; what are no fractions must be equal."""
    first = values[0]
    for value, folder in zip(values, folders, strict=True):
        fits = value.shape == first.shape and value.is_floating_point() == first.is_floating_point()
        if not fits or not (first.is_floating_point() or torch.equal(value, first)):
            raise YoyakError(f"{folder}: can't be averaged with {folders[0]}: {name} differs in shape or kind")
    if not first.is_floating_point():
        return first
    total = first.float()
    for value in values[1:]:
        total = total + value.float()
    return (total / len(values)).to(first.dtype)


def _set_rank(path: Path, rank: int, alpha: float) -> None:
    """Write the rank and alpha of an averaged adapter into its settings."""
    if path.is_file():
        config = load_config(path, [])
        config.lora.r, config.lora.alpha, config.lora.use_rslora = rank, alpha, False
        _write_settings(path, config)


def _write_settings(path: Path, config: Config) -> None:
    path.write_text(yaml.safe_dump(config.model_dump(), allow_unicode=True, sort_keys=False), encoding="utf-8")
