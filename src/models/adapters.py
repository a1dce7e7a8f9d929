"""Starting adapters in ways that PEFT can't on a 4-bit base, and loading saved ones."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict, initialize_lora_eva_weights
from peft.tuners.lora import LoraLayer
from safetensors import safe_open
from torch import nn
from transformers import PreTrainedModel

from ..config.schema import Config
from ..errors import YoyakError
from ..planner.refusals import eva_batch_error
from .adapter_config import read_adapter_config, refuse_no_adapter, refuse_on_4bit, saved_setting
from .causal_head import decoder_states, head_kind
from .dequantized import linear4bit_layers
from .loaded_weights import refuse_broken_weights
from .lora_variants import refuse_unknown_variants
from .text_part import TO_TEXT, name_in_text

PEFT_SAYS = (
    "`is_gradient_checkpointing` is deprecated",  # it asks for it itself
    "fan_in_fan_out is set to",  # of GPT-2's Conv1D, which it sets right
    "You have passed exclude_modules",  # of a whole model's other senses
    "The following (rank|alpha)_pattern keys did not match",  # those of stacked experts, which it does apply
)
"""Warnings of PEFT that mean nothing here, as patterns."""


def start_orthogonal(model: nn.Module) -> None:
    """Set A and B of each adapter layer to random factors with B A = 0, in float32 on any base.

    PEFT's own `orthogonal` takes the base weight's type, which is uint8 in 4 bit. The formula is the same, from
    https://datta0.github.io/posts/rethink-lora-init/: A and B are mixed from alternate rows of one orthogonal matrix.
    """
    for layer in model.modules():
        if isinstance(layer, LoraLayer):
            a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
            rank = a.shape[0]
            rows = torch.linalg.qr(torch.randn(rank, rank))[0]
            a.data.copy_((torch.randn(a.shape[1], rank // 2) @ rows[0::2]).T / 10)
            b.data.copy_((torch.randn(b.shape[0], rank // 2) @ rows[1::2]) / 10)


def start_eva(model: PeftModel, batches: Iterable[dict[str, torch.Tensor]]) -> None:
    """Set A of each layer to the main directions of its inputs, with ranks to match (EVA, Paischer et al. 2024).

    The model's adapter was made with `lora.init = eva`; padded training batches are used again and again until the
    directions settle.

    Raises:
        YoyakError: no batch has enough summary tokens for the rank: PEFT would wait for one for ever.
    """
    config = model.peft_config["default"]
    needed = round(config.r * config.eva_config.rho)
    large_enough = [batch for batch in batches if int((batch["labels"] != -100).sum()) >= needed]
    if not large_enough:
        raise eva_batch_error(config.r, needed)

    causal_lm = model.get_base_model()  # tried out before PEFT looks at what goes through its layers
    run = causal_lm if head_kind(causal_lm) == "whole" else partial(decoder_states, causal_lm)

    def decode(model: Any, batch: dict[str, torch.Tensor]) -> None:
        # Past the head: the logits of all positions would take gigabytes, and nothing reads them.
        run(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])

    initialize_lora_eva_weights(model, large_enough, forward_fn=decode, show_progress_bar=False)


def load_adapter(model: PreTrainedModel, folder: str, is_trainable: bool = False) -> PeftModel:
    """Return the model with the adapter of `folder` on it.

    An adapter that began as PiSSA or OLoRA takes its start out of the base weights again, as it did in training.

    Raises:
        YoyakError: no adapter there, a pickled one, one that fits another base model, or a variant of LoRA that would
            be computed as another one (see `lora_variants`).
    """
    path = Path(os.path.expanduser(folder))
    refuse_no_adapter(folder)
    weights = path / "adapter_model.safetensors"
    if not weights.is_file():
        raise YoyakError(f"{folder}: no adapter_model.safetensors (pickled adapters are not loaded: they can run code)")
    try:
        saved = read_adapter_config(folder, [name for name, _ in model.named_modules()])
        if linear4bit_layers(model):
            refuse_on_4bit(saved.get("init_lora_weights"), f"{folder}: init_lora_weights")
        with biases_allowed():
            warnings.filterwarnings("ignore", message="Found missing adapter keys")  # refused below, in our words
            for message in PEFT_SAYS:
                warnings.filterwarnings("ignore", message=message)
            adapted = PeftModel.from_pretrained(model, str(path), is_trainable=is_trainable, key_mapping=TO_TEXT)
        refuse_unknown_variants(adapted, folder)
        with safe_open(weights, framework="pt") as file:
            stored = {name_in_text(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
    except YoyakError:
        raise
    except Exception as error:  # a damaged file raises whatever its parser raises
        base = model.config._name_or_path
        raise YoyakError(f"{folder}: the adapter does not fit {base}: {_reason(error)}") from error
    with biases_allowed():
        expected = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    # Whole embeddings and heads may come with an adapter, in place of the base's own; nothing else of the base may.
    unplaced = stored - expected - _embedding_names(adapted)
    if unplaced or expected - stored:
        odd = min(unplaced or expected - stored).removeprefix("base_model.model.")
        lacking = "the model has no place for the adapter's" if unplaced else "the adapter has no"
        raise YoyakError(f"{folder}: the adapter does not fit {model.config._name_or_path}: {lacking} {odd}")
    refuse_broken_weights(adapted, folder, only=".lora_")
    return adapted


def _embedding_names(adapted: PeftModel) -> set[str]:
    """Return the names of the weights of embedding and head, which may have adapters of their own around them."""
    causal_lm = adapted.get_base_model()
    wanted = {id(layer) for layer in (causal_lm.get_input_embeddings(), causal_lm.get_output_embeddings())}
    names = [name for name, layer in adapted.named_modules() if id(layer) in wanted]
    return {f"{name}{inside}.weight" for name in names for inside in ("", ".base_layer")}


def needs_layout(config: Config, tokenizer: Any) -> bool:
    """Tell whether prompts are in a chat layout of ours: not where the tokenizer has a chat template of its own.

    An older version gave such checkpoints Llama's control tokens too; adapters with their rows still need them.
    """
    if config.dataset.format_type != "chat":
        return False
    own = config.model.chat_template == "auto" and tokenizer.chat_template
    return not own or (config.lora.adapter is not None and has_trained_rows(config.lora.adapter))


def has_trained_rows(folder: str) -> bool:
    """Tell whether a saved adapter holds rows of tokens that were added to its base; False where it can't be read."""
    return bool(saved_setting(folder, "trainable_token_indices"))


@contextmanager
def biases_allowed() -> Iterator[None]:
    """Don't let PEFT warn of each bias in B (`lora_bias`), which it takes for an incomplete matrix."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"(?s).*LoRA tensor.* have invalid shape.*lora_B\.bias")
        yield


def _reason(error: Exception) -> str:
    """Return the line of an error's message that says most: torch lists what does not fit below a heading."""
    if isinstance(error, KeyError):  # PEFT looks for a tensor by its name
        return f"the adapter has no {error.args[0]}".replace("base_model.model.", "")
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return next((line.strip() for line in lines if "size mismatch" in line), lines[0])


def trainable_rows(model: Any, token_ids: Sequence[int]) -> dict[str, list[int]]:
    """Return a model's embedding layers by name with the rows to train; a tied head follows its embedding."""
    names = {module: name.rsplit(".", 1)[-1] for name, module in model.named_modules()}
    layers = [model.get_input_embeddings()]
    if not model.config.tie_word_embeddings:
        layers.append(model.get_output_embeddings())
    return {names[layer]: list(token_ids) for layer in layers}
