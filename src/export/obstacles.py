"""What stands against exporting a run's result, known from its model, tokenizer and settings before it is trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from peft import PeftModel
from peft.tuners.lora import LoraLayer

from ..config.schema import Config
from ..data.prompt.templates import PromptTemplate
from ..errors import YoyakError
from ..models.causal_head import without_wrapper
from .adapter_file import AdapterFile
from .chat_template import trained_chat_template
from .gguf_lora import lora_obstacle
from .gguf_model import architecture, refuse_unwritten
from .gguf_tokenizer import refuse_tokenizer
from .vllm_rules import vllm_objections


def export_obstacles(config: Config, model: Any, tokenizer: Any, prompt: PromptTemplate) -> dict[str, str]:
    """Return, by the target of `yoyak export`, why what a run trains, with an adapter or without, can't go there."""
    base = without_wrapper(model)
    template = _refusal(lambda: trained_chat_template(config, tokenizer, prompt))
    gguf = _refusal(lambda: refuse_unwritten(base)) or _refusal(lambda: refuse_tokenizer(tokenizer))
    found = {"merged": template, "hub": template, "gguf": gguf or template, "ollama": gguf or template}
    if isinstance(model, PeftModel):
        adapter = _as_saved(model)
        found["adapter"] = "; ".join(filter(None, [*vllm_objections(adapter), template])) or None
        found["gguf-lora"] = _refusal(lambda: architecture(base.config)) or lora_obstacle(adapter)
    return {target: reason for target, reason in found.items() if reason}


def obstacles_sentence(obstacles: dict[str, str]) -> str:
    """Return what can't be exported and why, in one line, targets of one reason together."""
    by_reason: dict[str, list[str]] = {}
    for target, reason in obstacles.items():
        by_reason.setdefault(reason, []).append(target)
    return "; ".join(f"to {', '.join(targets)} ({reason})" for reason, targets in by_reason.items())


def _refusal(check: Callable[[], object]) -> str | None:
    try:
        check()
    except YoyakError as error:
        return str(error)
    return None


def _as_saved(model: PeftModel) -> AdapterFile:
    """Return a model's adapter as `read_adapter` will read it."""
    settings = model.peft_config["default"].to_dict()
    layers = {
        name.removeprefix("base_model.model."): layer
        for name, layer in model.named_modules()
        if isinstance(layer, LoraLayer) and "default" in layer.lora_A
    }
    factors = {name: (layer.lora_A["default"].weight, layer.lora_B["default"].weight) for name, layer in layers.items()}
    rows = ("rows of added tokens",) if settings.get("trainable_token_indices") else ()
    return AdapterFile(Path(), settings, factors, rows)
