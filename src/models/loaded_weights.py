"""Loading a checkpoint's weights, and refusing those that are not the ones of the model that its config describes.

transformers fills what a checkpoint lacks with random numbers, leaves out what the config doesn't know, and says so in
a log that is silenced here.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import bitsandbytes as bnb
import torch
from torch import nn
from transformers import GenerationConfig, PreTrainedModel

from ..errors import YoyakError
from .checkpoint_config import adapter_beside
from .checkpoints import load_from

# Parts that a text model has no use for: other senses, tokens ahead, heads for other tasks.
_SIDE_PARTS = re.compile(
    r"visual|vision\w*|image\w*|audio\w*|speech\w*|sound\w*|embed_(vision|audio)|\w*projector\w*|mm_\w+|multi_modal\w*|"
    r"talker|token2wav|code2wav|mtp\w*|nextn\w*|medusa\w*|eagle\w*|score|classifier|v_head|value_head|qa_outputs|pooler"
)
# What other programs leave in tensors' names, and what mends it.
_FOREIGN = {
    "base_model": "PEFT's: merge that adapter (model.merge_and_unload()) and save the result",
    "base_layer": "PEFT's: merge that adapter (model.merge_and_unload()) and save the result",
    "lora_A": "PEFT's: merge that adapter (model.merge_and_unload()) and save the result",
    "_orig_mod": "torch.compile's: save the model that was compiled (model._orig_mod.save_pretrained)",
    "_fsdp_wrapped_module": "FSDP's: save it with a full state dict",
    "_checkpoint_wrapped_module": "of activation checkpointing: save the model inside",
    "module": "of data parallel training: save model.module",
}
_EXPERT = re.compile(r"(.*\.experts)\.(\d+)\.(.+)")


def load_weights(
    checkpoint: str, loader: Callable[..., Any], say: Callable[[str], None], **arguments: Any
) -> PreTrainedModel:
    """Return the model of a `from_pretrained` of transformers, each of whose weights came from the checkpoint.

    `say` is told which parts of the checkpoint are left out, and where its head is not tied as the config says; the
    arguments are the loader's.

    Raises:
        YoyakError: it can't be loaded; a tensor is missing, has another shape, or has no place in the model.
    """
    arguments |= {"output_loading_info": True, "ignore_mismatched_sizes": True}  # said below, in our words
    arguments["generation_config"] = GenerationConfig()  # else the checkpoint's is checked, and may be refused
    try:
        model, report = load_from(checkpoint, loader, **arguments)
    except YoyakError as error:
        missing = missing_expert(checkpoint) if "conversion of the weights" in str(error) else None
        if missing is None:
            raise
        raise _lacks(checkpoint, [missing], ()) from error
    if getattr(model, "_hf_peft_config_loaded", False):
        raise adapter_beside(checkpoint)
    buffers = {name for name, _ in model.named_buffers()}
    unexpected = sorted({*report["unexpected_keys"]} - buffers, key=in_layer_order)
    if report["missing_keys"]:
        raise _lacks(checkpoint, report["missing_keys"], unexpected)
    others = [(name, tuple(there), tuple(asked)) for name, there, asked in report["mismatched_keys"]]
    _refuse_shapes(checkpoint, [*others, *_other_4bit_shapes(checkpoint, model)])
    left_out = [name for name in unexpected if is_side_part(model, name)]
    _refuse_unknown(checkpoint, [name for name in unexpected if name not in set(left_out)])
    if left_out:
        parts = sorted({_part(model, name) for name in left_out})
        say(f"{checkpoint}: {names(parts)} left out, which a text model has no use for ({len(left_out)} in all)")
    refuse_broken_weights(model, f"model.checkpoint = {checkpoint}")
    _untie(model, checkpoint, say)
    _show_decoder(model)
    # sdpa knows no soft cap and leaves it out without a word; transformers 5.17 takes it for Gemma 2 all the same.
    if getattr(model.config, "attn_logit_softcapping", None) and model.config._attn_implementation == "sdpa":
        model.set_attn_implementation("eager")
    return model


@torch.no_grad()
def refuse_broken_weights(model: nn.Module, where: str, only: str = "") -> None:
    """Raise YoyakError where a weight holds a value that is no number, of which a model writes `!!!!`.

    The line begins with `where`. Looked at are weights with `only` in their names, but for those on no device yet.
    """
    for name, weight in model.named_parameters():
        if only in name and _is_broken(weight):
            short = name.removeprefix("base_model.model.")
            raise YoyakError(f"{where}: {short} holds values that are no numbers (NaN or infinite); get it again")


def _is_broken(weight: torch.Tensor) -> bool:
    state = getattr(weight, "quant_state", None)  # of 4 bit: what the sizes of all blocks are computed from
    stored = weight if state is None else state.offset if state.nested else state.absmax
    if stored.is_meta or not stored.is_floating_point():
        return False
    # A sum is a pass over the weights that takes no memory; it alone may overflow.
    return not stored.sum(dtype=torch.float32).isfinite() and not bool(stored.isfinite().all())


def in_layer_order(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts tensors' names with numbers as numbers."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]


def names(some: Iterable[str], most: int = 4) -> str:
    """Return names in one line, at most `most` of them."""
    some = list(some)
    return ", ".join(some[:most]) + (f" and {len(some) - most} more" if len(some) > most else "")


def _lacks(checkpoint: str, missing: Iterable[str], unexpected: Iterable[str]) -> YoyakError:
    """Return the refusal of a checkpoint without some of its model's tensors."""
    missing = sorted(missing, key=in_layer_order)
    count = "a tensor" if len(missing) == 1 else f"{len(missing)} tensors"
    first = missing[0] if len(missing) == 1 else f"first {missing[0]}"
    mend = _foreign(unexpected)
    if mend is None and missing == ["lm_head.weight"]:
        mend = 'where its head is its embedding, set "tie_word_embeddings": true in its config.json; else get it again'
    return YoyakError(
        f"model.checkpoint = {checkpoint}: lacks {count} of the model in its config.json, {first}; "
        f"{mend or 'get it again, or the config.json that belongs to it'}"
    )


def _refuse_unknown(checkpoint: str, unknown: list[str]) -> None:
    if unknown:
        count = "a tensor" if len(unknown) == 1 else f"{len(unknown)} tensors"
        first = unknown[0] if len(unknown) == 1 else f"first {unknown[0]}"
        raise YoyakError(
            f"model.checkpoint = {checkpoint}: has {count} that the model in its config.json does not, {first}; "
            f"{_foreign(unknown) or 'get the config.json that belongs to it'}"
        )


def _refuse_shapes(checkpoint: str, others: list[tuple[str, tuple[int, ...], tuple[int, ...]]]) -> None:
    """Raise YoyakError for tensors (name, shape there, shape by the config) of another shape."""
    if others:
        name, there, asked = min(others, key=lambda other: in_layer_order(other[0]))
        also = f" ({len(others)} tensors differ)" if len(others) > 1 else ""
        raise YoyakError(
            f"model.checkpoint = {checkpoint}: {name} is {_by(there)}, and {_by(asked)} by its config.json{also}; "
            "get the config.json that belongs to it"
        )


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _foreign(unexpected: Iterable[str]) -> str | None:
    """Return what mends names that other programs have changed, or None where none are."""
    for name in unexpected:
        word = next((word for word in _FOREIGN if f".{word}." in f".{name}"), None)
        if word is not None:
            return f"its names have '{word}' in them ({name}), {_FOREIGN[word]}"
    return None


def _other_4bit_shapes(checkpoint: str, model: PreTrainedModel) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """Return 4-bit weights of another shape than their layer's, which transformers takes as they are.

    Raises:
        YoyakError: the weights are not in 4 bit at all.
    """
    layers = [(name, module) for name, module in model.named_modules() if isinstance(module, bnb.nn.Linear4bit)]
    if not all(hasattr(layer.weight, "quant_state") for _, layer in layers):
        raise YoyakError(
            f"model.checkpoint = {checkpoint}: is stored in 4 bit by its config.json, and its weights are not; "
            "get the config.json that belongs to it"
        )
    shapes = [
        (f"{name}.weight", tuple(layer.weight.quant_state.shape), (layer.out_features, layer.in_features))
        for name, layer in layers
    ]
    return [(name, there, asked) for name, there, asked in shapes if there != asked]


def is_side_part(model: PreTrainedModel, name: str) -> bool:
    """Tell whether a tensor that a model has no place for belongs to a part that its text model can do without."""
    owner, _, stranger = _part(model, name).rpartition(".")
    ahead = getattr(model.config.get_text_config(), "num_nextn_predict_layers", None)
    if ahead and owner.endswith("layers") and stranger.isdigit():
        return True  # layers after the last one that predict further tokens
    return owner in ("", model.base_model_prefix) and _SIDE_PARTS.fullmatch(stranger) is not None


def _part(model: PreTrainedModel, name: str) -> str:
    """Return the start of a tensor's name up to the first module that a model does not have."""
    module: Any = model
    parts = name.split(".")
    for count, part in enumerate(parts[:-1], start=1):
        module = module._modules.get(part)
        if module is None:
            return ".".join(parts[:count])
    return name


def missing_expert(checkpoint: str) -> str | None:
    """Return the first tensor that one of a local checkpoint's experts lacks and others have, or None."""
    from safetensors import safe_open

    found: dict[str, tuple[set[int], set[str]]] = {}
    stored = set()
    for file in sorted(Path(checkpoint).glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            stored |= set(tensors.keys())
    for name in stored:
        if match := _EXPERT.fullmatch(name):
            numbers, leaves = found.setdefault(match[1], (set(), set()))
            numbers.add(int(match[2]))
            leaves.add(match[3])
    expected = {f"{e}.{n}.{leaf}" for e, (numbers, leaves) in found.items() for n in numbers for leaf in leaves}
    return min(expected - stored, key=in_layer_order, default=None)


def _untie(model: PreTrainedModel, checkpoint: str, say: Callable[[str], None]) -> None:
    """Let the config say that the head is untied where the checkpoint holds one that differs from the embedding.

    transformers computes with that head; whoever reads the config later would tie it.
    """
    config = model.config.get_text_config()
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    if not getattr(config, "tie_word_embeddings", False) or head is None or not isinstance(head, torch.nn.Linear):
        return
    if head.weight is not embedding.weight:
        for one in {id(c): c for c in (config, model.config)}.values():
            one.tie_word_embeddings = False
        say(
            f"{checkpoint}: its config.json ties the head to the embedding, and it holds a head of its own that "
            "differs: that head is used"
        )


def _show_decoder(model: Any) -> None:
    """Let `get_decoder` return the decoder where transformers doesn't find it and returns the whole model (Llama 4)."""
    if model.get_decoder() is model:
        decoder = next((child for child in model.children() if isinstance(child, PreTrainedModel)), None)
        if decoder is not None:
            model.get_decoder = lambda: decoder
