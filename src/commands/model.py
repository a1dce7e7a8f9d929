"""Loading a model for use: from an experiment, or from an adapter that knows its own settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.loader import load_config
from ..config.schema import Config
from ..errors import YoyakError
from .console import quiet_libraries

if TYPE_CHECKING:
    from rich.console import Console

    from ..data.templates import PromptTemplate


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to generate, with the prompt that it was trained with."""

    config: Config
    model: Any
    tokenizer: Any
    prompt: "PromptTemplate"


def load_for_use(experiment: str | None, adapter: str | None, overrides: list[str], console: "Console") -> LoadedModel:
    """Load the model of an experiment or adapter.

    An adapter folder that a run wrote holds the run's settings (`yoyak.yaml`), so it is enough by itself; a named
    experiment comes before it. The base model is loaded as it was trained on: in 4 bit for QLoRA.

    Raises:
        YoyakError: neither is named, or either can't be loaded.
    """
    config = _config(experiment, adapter, overrides)
    if adapter is not None:
        config.lora.adapter = adapter
    if config.lora.adapter is not None and not Path(config.lora.adapter).is_dir():
        raise YoyakError(f"{config.lora.adapter}: no such adapter folder; name a run's final_model")
    quiet_libraries()
    console.print(f"Loading {config.model.checkpoint} ...", style="dim", markup=False)

    from ..data.templates import create_prompt_template
    from ..models.lora_loader import LoRALoader
    from .steps import prompt_arguments

    with_adapter = config.lora.adapter is not None
    use_qlora = config.lora.use_qlora and config.lora.use_lora
    loader = LoRALoader(config)
    model, tokenizer = loader.load_model_and_tokenizer(use_lora=with_adapter, use_qlora=use_qlora, trainable=False)
    return LoadedModel(config, model, tokenizer, create_prompt_template(tokenizer, **prompt_arguments(config)))


def _config(experiment: str | None, adapter: str | None, overrides: list[str]) -> Config:
    if experiment is not None:
        return load_config(experiment, overrides)
    if adapter is None:
        raise YoyakError("name a model: --adapter outputs/NAME/final_model, or --experiment NAME")
    saved = Path(adapter) / "yoyak.yaml"
    if not saved.is_file():
        if not Path(adapter).is_dir():
            raise YoyakError(f"{adapter}: no such adapter folder; name a run's final_model")
        raise YoyakError(f"{adapter}: no yoyak.yaml, so its base model is not known; add --experiment NAME")
    return load_config(saved, overrides)
