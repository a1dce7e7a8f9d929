"""The mean of several models' weights, from their files: adapters of one base, or whole models of one make."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ..config.loader import load_config
from ..errors import YoyakError
from ..files import folder_beside
from .adapter_file import AdapterFile, read_adapter

_WEIGHTS, _SETTINGS, _RUN = "adapter_model.safetensors", "adapter_config.json", "yoyak.yaml"
_NOT_AVERAGED = ("use_dora", "lora_bias", "target_parameters", "alora_invocation_tokens", "layer_replication")


def average_models(folders: Sequence[Path], to: Path) -> Path:
    """Write the mean of some models, all adapters or all whole, to the folder `to`; return it.

    All else than weights (tokenizer, settings) is taken from the first one.

    Raises:
        YoyakError: they can't be averaged: other layers or shapes, or a kind of adapter that is no plain product.
    """
    adapters = all((folder / _SETTINGS).is_file() for folder in folders)
    with folder_beside(to, durable=True) as beside:
        for path in folders[0].iterdir():
            if path.is_file() and path.suffix != ".safetensors":
                shutil.copyfile(path, beside / path.name)
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
        _refuse(adapter, adapters[0])
    first, others = adapters[0], _others(adapters)
    tensors, ranks, alphas = dict(others), {}, {}
    for layer in first.factors:
        scale = first.scale(layer)
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


def _refuse(adapter: AdapterFile, first: AdapterFile) -> None:
    """Raise YoyakError where an adapter is no plain product, or is not of the first one's layers and base."""
    odd = next((name for name in _NOT_AVERAGED if adapter.settings.get(name)), adapter.changed_base)
    if odd:
        raise YoyakError(f"{adapter.folder}: can't be averaged: {odd}")
    shapes = [{layer: (a.shape[1], b.shape[0]) for layer, (a, b) in one.factors.items()} for one in (adapter, first)]
    if shapes[0] != shapes[1]:
        raise YoyakError(f"{adapter.folder}: can't be averaged with {first.folder}: other layers have adapters")


def _others(adapters: Sequence[AdapterFile]) -> dict[str, torch.Tensor]:
    """Return the means of the tensors that are no factors."""
    names = adapters[0].others
    if any(adapter.others != names or any("lora_" in name for name in adapter.others) for adapter in adapters):
        raise YoyakError(f"{adapters[0].folder}: can't be averaged: tensors that are no factors of layers differ")
    if not names:
        return {}
    stored = [load_file(adapter.folder / _WEIGHTS) for adapter in adapters]
    return {name: _mean([tensors[name] for tensors in stored]) for name in names}


def _average_whole(folders: Sequence[Path], to: Path) -> None:
    """Write whole models' means, a tensor at a time, into files of the same names as the first one's."""
    places = [
        {name: path for path in sorted(folder.glob("*.safetensors")) for name in _names(path)} for folder in folders
    ]
    if not places[0] or any(place.keys() != places[0].keys() for place in places):
        raise YoyakError(f"{folders[-1]}: can't be averaged with {folders[0]}: other weights")
    for path in sorted(folders[0].glob("*.safetensors")):
        means = {}
        for name in _names(path):
            values = []
            for place in places:
                with safe_open(place[name], framework="pt") as file:
                    values.append(file.get_tensor(name))
            means[name] = _mean(values)
        save_file(means, to / path.name, {"format": "pt"})


def _names(path: Path) -> list[str]:
    with safe_open(path, framework="pt") as file:
        return list(file.keys())


def _mean(values: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the mean, made in float32, in the type of the first; what are no fractions must be equal."""
    if any(value.shape != values[0].shape for value in values):
        raise YoyakError("weights of other shapes can't be averaged")
    if not values[0].is_floating_point():
        return values[0]
    return torch.stack([value.float() for value in values]).mean(0).to(values[0].dtype)


def _set_rank(path: Path, rank: int, alpha: float) -> None:
    """Write the rank and alpha of an averaged adapter into its settings."""
    if path.is_file():
        config = load_config(path, [])
        config.lora.r, config.lora.alpha, config.lora.use_rslora = rank, alpha, False
        path.write_text(yaml.safe_dump(config.model_dump(), allow_unicode=True, sort_keys=False), encoding="utf-8")
