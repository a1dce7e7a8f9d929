"""Which layers of a model get adapters; experts that are stacked into one parameter go by their matrices' old names."""

import copy
from collections.abc import Callable, Sequence

from peft import LoraConfig
from peft.utils.transformers_weight_conversion import convert_peft_config_for_transformers
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from ..config.schema import LoraSettings
from ..errors import YoyakError

_EXPERTS = ("w1", "w2", "w3", "gate_proj", "up_proj", "down_proj")


def target_modules(model: PreTrainedModel, wanted: Sequence[str]) -> list[str]:
    """Return the wanted target modules; YoyakError where the model has none of a name, with the names that it has."""
    names = {name.rpartition(".")[2] for name, module in model.named_modules() if _takes_adapter(module)}
    unknown = [target for target in wanted if target not in names and not experts_targets(model, [target])]
    if unknown:
        names |= set(experts_targets(model, _EXPERTS))
        raise YoyakError(
            f"lora.target_modules: the model has no layer {', '.join(unknown)}; it has {', '.join(sorted(names))}"
        )
    return list(wanted)


def linear_layers(model: PreTrainedModel) -> list[str]:
    """Return the names of all linear layers but the head that can get adapters, in alphabetical order."""
    head = model.get_output_embeddings()
    linear = {name for name, module in model.named_modules() if module is not head and _takes_adapter(module)}
    return sorted({name.rpartition(".")[2] for name in linear} | set(experts_targets(model, _EXPERTS)))


def _takes_adapter(module: nn.Module) -> bool:
    """Tell whether PEFT can wrap a module: routers that are linear layers return more than their product."""
    return isinstance(module, nn.Linear | Conv1D) and "Router" not in type(module).__name__


def experts_targets(model: PreTrainedModel, targets: Sequence[str]) -> list[str]:
    """Return those of the target modules that PEFT puts on a model's stacked experts (as `gate_proj` of Qwen3-MoE)."""
    moved = []
    for target in targets:
        config = LoraConfig(target_modules=[target])
        try:
            convert_peft_config_for_transformers(config, model=model, conversions=None)
        except ValueError:  # alone, a matrix of two that are stacked together
            moved.append(target)
            continue
        if config.target_parameters:
            moved.append(target)
    return moved


def fit_to_experts(
    model: PreTrainedModel, lora: LoraSettings, peft_config: LoraConfig, say: Callable[[str], None]
) -> None:
    """Take out of a PEFT config what can't be had on stacked experts, and say so.

    Raises:
        YoyakError: only some of the matrices that are stacked together are named, or a variant can't be had there.
    """
    experts = experts_targets(model, lora.target_modules)
    if not experts:
        return
    try:
        convert_peft_config_for_transformers(copy.deepcopy(peft_config), model=model, conversions=None)
    except ValueError as error:
        raise YoyakError(f"lora.target_modules: {str(error).splitlines()[0]}") from error
    if lora.use_dora or lora.init not in ("default", "gaussian"):
        plain = ",".join(target for target in lora.target_modules if target not in experts)
        raise YoyakError(
            f"lora.{'use_dora' if lora.use_dora else f'init = {lora.init}'}: can't be had on this model's experts "
            f"({', '.join(experts)}), which are stacked; leave it out, or set lora.target_modules=[{plain}]"
        )
    if lora.dropout:
        names = ", ".join(experts)
        say(f"lora.dropout = {lora.dropout:g} becomes 0: it can't be had on stacked experts ({names})")
        peft_config.lora_dropout = 0.0
