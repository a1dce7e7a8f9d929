"""An adapter and its base as one plain model in 16 bit."""

import copy
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bitsandbytes as bnb
import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from peft.tuners.lora.layer import ParamWrapper
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.other import AuxiliaryTrainingWrapper
from torch import nn
from transformers import GenerationConfig, PreTrainedModel

from ..errors import YoyakError
from ..models.bundled_fetch import forget_quantization
from ..models.dequantized import linear4bit_layers
from ..models.lora_variants import TRAINED, refuse_unknown_variants

_DORA_EMBEDDING = "the variant DoraEmbedding"


def frozen_weight(layer: Any) -> torch.Tensor:
    """Return the weight (out, in) that a base layer computes with, in float32; a 4-bit one dequantized."""
    if isinstance(layer, bnb.nn.Linear4bit):
        weight: torch.Tensor = bnb.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
        return weight.float()
    plain: torch.Tensor = layer.weight.detach().float()
    return plain


def merged_weight(layer: Any, adapter: str = "default") -> torch.Tensor:
    """Return the weight (out, in), in float32, that computes what a base layer and its adapter compute together.

    W + s B A, with s = alpha / r (alpha / sqrt(r) for rsLoRA); for DoRA its rows are scaled to the trained
    magnitudes, m (W + s B A) / ||W + s B A||, eq. 5 of Liu et al. 2024.
    """
    a, b = layer.lora_A[adapter].weight.detach().float(), layer.lora_B[adapter].weight.detach().float()
    weight: torch.Tensor = frozen_weight(layer.get_base_layer()) + layer.scaling[adapter] * (b @ a)
    if adapter in layer.lora_magnitude_vector:
        magnitude = layer.lora_magnitude_vector[adapter].weight.detach().float()
        weight = weight * (magnitude / weight.norm(dim=1)).unsqueeze(1)
    return weight


def merge_adapter(model: Any, dtype: torch.dtype) -> PreTrainedModel:
    """Return a plain model on the CPU, in `dtype`, that computes what `model` computes.

    `model` has an adapter or none, its base in 4, 16 or 32 bit. The sum is rounded once, to 16 bit: rounding it to 4
    bit would undo most of the adapter. The layers are taken apart on the way, so `model` can't be used afterwards.

    Raises:
        YoyakError: an adapter of a variant that is not merged here, a weight beyond what `dtype` holds, or a bias
            without a place.
    """
    tied = bool(model.config.tie_word_embeddings)
    if isinstance(model, PeftModel):
        refuse_unknown_variants(model, "merging", known=(*TRAINED, _DORA_EMBEDDING))
        _untie(model.get_base_model())
        for name in reversed(_names(model, LoraLayer)):  # wrappers of fused experts lie inside one another
            layer = model.get_submodule(name)
            if isinstance(layer.get_base_layer(), nn.Linear) and not isinstance(layer, ParamWrapper):
                _put(model, name, _plain_linear(name, merged_weight(layer), _merged_bias(name, layer), dtype))
            else:  # embeddings, fused experts
                _put(model, name, _merged_in_place(name, layer, dtype))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Input and output embeddings are no longer tied")
            model = model.base_model.merge_and_unload()  # what is left: rows of added tokens, whole saved modules
    for name in _names(model, bnb.nn.Linear4bit):
        layer = model.get_submodule(name)
        _put(model, name, _plain_linear(name, frozen_weight(layer), layer.bias, dtype))
    if tied:
        first, last = model.get_input_embeddings().weight, model.get_output_embeddings().weight
        model.config.tie_word_embeddings = first is last or torch.equal(first, last)
    return _fresh(model, dtype)


def _untie(core: PreTrainedModel) -> None:
    """Give the head of a tied model its own weight where an adapter changes the embedding, the head, or both.

    Merged in place, what was learnt for the one would change the other too.
    """
    outer = core.get_input_embeddings(), core.get_output_embeddings()
    embedding, head = map(_innermost, outer)
    if outer != (embedding, head) and embedding.weight is head.weight:
        head.weight = nn.Parameter(head.weight.detach().clone(), requires_grad=False)


def _innermost(module: Any) -> Any:
    """Return the layer inside PEFT's wrappers around it."""
    while isinstance(module, BaseTunerLayer | AuxiliaryTrainingWrapper):
        module = module.base_layer if isinstance(module, BaseTunerLayer) else module.original_module
    return module


def _merged_in_place(name: str, layer: Any, dtype: torch.dtype) -> nn.Module:
    """Return the base layer, no linear one, with what its adapter learnt added in float32 and rounded once."""
    base, parameter = layer.get_base_layer(), getattr(layer, "parameter_name", "weight")
    weight = getattr(base, parameter)
    weight.data = weight.data.float()
    layer.merge()
    weight.data = _rounded(f"{name}.{parameter}", weight.data, dtype)
    module: nn.Module = base
    return module


def _names(model: nn.Module, kind: Any) -> list[str]:
    """Return the names of a model's layers of a kind: a list of the layers would keep all of them in memory."""
    return [name for name, module in model.named_modules() if isinstance(module, kind)]


def _put(model: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, layer)


def _merged_bias(name: str, layer: Any, adapter: str = "default") -> torch.Tensor | None:
    bias: torch.Tensor | None = layer.get_base_layer().bias
    extra = layer.lora_B[adapter].bias
    if extra is None:
        return bias
    if bias is None:
        raise YoyakError(f"the adapter's bias can't be merged: {name.removeprefix('base_model.model.')} has none")
    merged: torch.Tensor = bias.detach().float() + layer.scaling[adapter] * extra.detach().float()
    return merged


def _plain_linear(name: str, weight: torch.Tensor, bias: torch.Tensor | None, dtype: torch.dtype) -> nn.Linear:
    rounded = _rounded(name, weight, dtype)
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    layer.weight = nn.Parameter(rounded, requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(_rounded(name, bias.detach(), dtype), requires_grad=False)
    return layer


def _rounded(name: str, weight: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    result = weight.detach().to("cpu", dtype if weight.is_floating_point() else weight.dtype)
    if not torch.isfinite(result).all():
        name = name.removeprefix("base_model.model.")
        whole = torch.isfinite(weight).all()
        raise YoyakError(
            f"{name} is beyond the range of {str(dtype).removeprefix('torch.')}; use bf16 (--quantization bf16, or "
            "model.dtype=bf16)"
            if whole
            else f"{name} holds numbers that are not finite: the adapter or its base is broken"
        )
    return result


def _fresh(model: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
    """Return a new model with the weights of `model`: one that was quantized keeps hooks that stop its saving."""
    from accelerate import init_empty_weights

    config = copy.deepcopy(model.config)
    forget_quantization(config)
    config.use_cache = True  # training switched it off
    with init_empty_weights(include_buffers=False):  # of its own class, which may be the checkpoint's
        fresh: PreTrainedModel = type(model)._from_config(config, dtype=dtype)
    # Parts of the names of weights that a family keeps in float32 beside others in `dtype`.
    names = set(model._keep_in_fp32_modules_strict or ()) if dtype != torch.float32 else set()
    names |= set(model._keep_in_fp32_modules or ()) if dtype == torch.float16 else set()
    kept = re.compile("|".join(map(re.escape, names)) or "$^")
    state = {
        name: _rounded(name, weight, torch.float32 if kept.search(name) else dtype)
        for name, weight in model.state_dict().items()
    }
    fresh.load_state_dict(state, assign=True)
    fresh.tie_weights()
    return fresh.requires_grad_(False).eval()


def is_4bit(model: Any) -> bool:
    """Tell whether a model's base is in 4 bit."""
    return bool(linear4bit_layers(model))


def parameter_count(model: Any) -> int:
    """Return the parameters of a model without its adapter: 4-bit weights by their real number, tied ones once."""
    layers = {id(layer.weight): int(layer.in_features * layer.out_features) for layer in linear4bit_layers(model)}
    adapter = ("lora_", "trainable_tokens_")
    return sum(
        layers.get(id(weight), weight.numel())
        for name, weight in model.named_parameters()
        if not any(part in name for part in adapter)
    )


def set_generation(
    model: PreTrainedModel, tokenizer: Any, end_id: int, max_new_tokens: int, more_ends: Sequence[int] = ()
) -> None:
    """Make greedy decoding up to `max_new_tokens`, ended by what the summaries end with, the model's own default.

    `more_ends` end them beside `end_id` and the tokenizer's end token.
    """
    ends = [i for i in dict.fromkeys([end_id, tokenizer.eos_token_id, *more_ends]) if i is not None]
    special = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": ends if len(ends) > 1 else ends[0],
        "pad_token_id": tokenizer.pad_token_id,
    }
    for name, value in special.items():
        setattr(model.config, name, value)
    model.generation_config = GenerationConfig(do_sample=False, max_new_tokens=max_new_tokens, **special)


def save_merged(model: PreTrainedModel, tokenizer: Any, chat_template: str | None, folder: Path) -> None:
    """Write a merged model into `folder`: safetensors, config, generation config, tokenizer, chat template."""
    model.save_pretrained(folder, max_shard_size="5GB")
    tokenizer = copy.deepcopy(tokenizer)
    if chat_template is not None:
        tokenizer.chat_template = chat_template
    # To generate in batches. transformers writes what a tokenizer was made with, not what was set on it since.
    tokenizer.padding_side = tokenizer.init_kwargs["padding_side"] = "left"
    tokenizer.save_pretrained(folder)
