"""The text part of checkpoints that see or hear too, and the names that its layers have in the whole model.

Such a `config.json` (Mistral 3, Gemma 4, Qwen3.5, ...) holds a text model's config under `text_config`. That model is
loaded by its own class, without the towers, so that nothing else gets adapters or memory.
"""

import re
from typing import Any

from accelerate import init_empty_weights
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

from ..errors import YoyakError

TO_TEXT = {  # names of the whole's tensors, old and new, as the text model has them
    r"^language_model\.model\.": "model.",
    r"^language_model\.lm_head\.": "lm_head.",
    r"^model\.language_model\.": "model.",
}


def text_config(config: Any) -> Any | None:
    """Return the config of a checkpoint's text part, or None where the checkpoint is a text model."""
    text = config.get_text_config(decoder=True)
    return None if text is config or "text_config" not in config.sub_configs else text


def text_arguments(config: Any, checkpoint: str) -> dict[str, Any]:
    """Return what `from_pretrained` is told besides to load a checkpoint's text part alone; nothing for a text model.

    Raises:
        YoyakError: transformers has no class for the text part alone.
    """
    text = text_config(config)
    if text is None:
        return {}
    if type(text) not in AutoModelForCausalLM._model_mapping:
        raise YoyakError(
            f"model.checkpoint = {checkpoint}: a model of type {config.model_type}, whose text part "
            f"({text.model_type}) transformers has no class for; name a text model"
        )
    tied = getattr(config, "tie_word_embeddings", None)
    if tied is not None:  # the whole's head is what is meant
        text.tie_word_embeddings = tied
    quantization = getattr(config, "quantization_config", None)
    if quantization is not None:
        text.quantization_config = quantization
    return {"config": text, "key_mapping": TO_TEXT}


def without_weights(config: Any, checkpoint: str) -> Any:
    """Return the model that a checkpoint's config describes, its text part alone, as modules without weights.

    Raises:
        YoyakError: see `text_arguments`.
    """
    with init_empty_weights(include_buffers=False):
        return AutoModelForCausalLM.from_config(text_arguments(config, checkpoint).get("config", config))


def name_in_text(name: str) -> str:
    """Return an adapter's tensor name with its layer as the text model names it."""
    prefix = "base_model.model." if name.startswith("base_model.model.") else ""
    for pattern, replacement in TO_TEXT.items():
        name = re.sub(pattern, replacement, name.removeprefix(prefix))
    return prefix + name


def names_in_whole(config: Any) -> dict[str, str]:
    """Return the beginnings of a text part's layer names with those that they have in the whole model (`model.` with
    `model.language_model.`), as vLLM and the whole class want an adapter's; nothing for a text model.
    """
    from accelerate import init_empty_weights

    text = text_config(config)
    if text is None:
        return {}
    with init_empty_weights():
        alone = AutoModelForCausalLM.from_config(text)
        whole = AutoModelForImageTextToText.from_config(config)
    return {
        f"{_decoder_name(alone)}.": f"{_decoder_name(whole)}.",
        f"{_name(alone, alone.get_output_embeddings())}.": f"{_name(whole, whole.get_output_embeddings())}.",
    }


def _decoder_name(model: Any) -> str:
    return _name(model, model.get_input_embeddings()).rpartition(".")[0]


def _name(model: Any, wanted: Any) -> str:
    return next((name for name, module in model.named_modules() if module is wanted), "lm_head")
