"""Loading a model for use: from an experiment, or from an adapter that knows its own settings."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.loader import load_config
from ..config.located import found_again
from ..config.schema import Config
from ..config.unread import refuse_of_no_adapter, refuse_of_training, refuse_unread_layout
from ..errors import YoyakError
from ..models.adapter_config import refuse_typed
from ..ranks.group import agreed, rank_count
from .console import quiet_libraries
from .mbr_start import mbr_start
from .saved_settings import load_saved, load_settings, run_of, settings_file

if TYPE_CHECKING:
    from rich.console import Console

    from ..data.prompt.templates import PromptTemplate
    from ..inference.mbr_start import StartSamples
    from ..models.lora_loader import LoRALoader
    from ..runs.schema import ResolvedChoices


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to generate, with the prompt that it was trained with; `resolved` says what was chosen for it.

    MBR compares with samples of `start_folder`, where it is known; `start` is what draws them, once it is ready.
    """

    config: Config
    model: Any
    tokenizer: Any
    prompt: "PromptTemplate"
    resolved: dict[str, object] = field(default_factory=dict)
    start_folder: Path | None = None
    start: "StartSamples | None" = None


def load_for_use(
    experiment: str | None,
    adapter: str | None,
    overrides: list[str],
    console: "Console",
    check: "Callable[[LoRALoader], None] | None" = None,
) -> LoadedModel:
    """Load the model of an experiment or adapter; `check` may refuse by tokenizer and config, before the weights come.

    An adapter folder that a run wrote holds the run's settings (`yoyak.yaml`), so it is enough by itself; a named
    experiment comes before it. The base model is loaded as it was trained on: in 4 bit for QLoRA.

    Raises:
        YoyakError: neither is named, or either can't be loaded.
    """
    return load_configured(config_for_use(experiment, adapter, overrides), console, check)


def config_for_use(
    experiment: str | None, adapter: str | None, overrides: list[str], zero_shot: bool = False
) -> Config:
    """Return the settings that `load_for_use` loads by, with the adapter's folder checked; nothing heavy happens.

    `adapter` may be a whole model too, as a run leaves it that trained all weights. `zero_shot` leaves either out, also
    one that names the settings.
    """
    config = _config(experiment, adapter, overrides)
    refuse_of_training(overrides)
    base = config.model.checkpoint
    if adapter is not None:
        config = with_model(config, adapter)
    if zero_shot:
        config.lora.adapter, config.model.checkpoint = None, base
    if config.lora.adapter is not None and not Path(config.lora.adapter).is_dir():
        raise YoyakError(f"{config.lora.adapter}: no such adapter folder; name a run's final_model")
    typed = [override.partition("=")[0].strip() for override in overrides]
    refuse_typed(config.lora, typed)
    refuse_of_no_adapter(config, typed)
    refuse_unread_layout(config, typed)
    return config


def with_model(config: Config, folder: str) -> Config:
    """Return a copy of settings that names what was trained with them: the folder of an adapter or of a whole model."""
    config = config.model_copy(deep=True)
    if is_whole_model(Path(folder)):
        config.lora.adapter, config.lora.use_lora, config.lora.use_qlora = None, False, False
        config.model.checkpoint = folder
    else:
        config.lora.adapter = folder
    return config


def is_whole_model(folder: Path) -> bool:
    """Tell whether a folder holds a whole model, and not an adapter."""
    return (folder / "config.json").is_file() and not (folder / "adapter_config.json").is_file()


def is_trained(config: Config) -> bool:
    """Tell whether a config names what was trained here: an adapter, or a whole model with its settings beside it."""
    whole = Path(os.path.expanduser(config.model.checkpoint))
    return config.lora.adapter is not None or settings_file(whole) is not None


def load_configured(
    config: Config, console: "Console", check: "Callable[[LoRALoader], None] | None" = None
) -> LoadedModel:
    """Load the model of a config that `config_for_use` returned; several ranks compute in one and the same type."""
    quiet_libraries()
    start_folder = agreed(lambda: mbr_start(config, say=lambda sentence: console.print(sentence, style="yellow")))
    console.print(f"Loading {config.model.checkpoint} ...", style="dim")

    from ..models.compute import resolve_compute
    from ..models.lora_loader import LoRALoader

    adapter = config.lora.adapter
    other_base = _other_base(config)
    if other_base:
        note = f"{adapter}: trained on {other_base}, used on {config.model.checkpoint}"
        console.print(note, style="yellow")
    compute = agreed(lambda: resolve_compute(config.model.dtype)) if rank_count() > 1 else None
    loader = LoRALoader(config, compute=compute)
    loader.sharding = "none"  # each rank generates by itself, from whole weights
    if check is not None:
        check(loader)
    use_qlora = config.lora.use_qlora and config.lora.use_lora
    try:
        model, tokenizer = loader.load_model_and_tokenizer(adapter is not None, use_qlora, trainable=False)
    except YoyakError as error:
        if other_base and str(error).startswith(f"{adapter}: the adapter does not fit"):
            raise YoyakError(f"{error}; it was trained on {other_base}, not on {config.model.checkpoint}") from error
        raise
    prompt, notes = prompt_of(config, tokenizer)
    for note in [*loader.facts.notes, *notes]:
        console.print(note, style="dim")
    return LoadedModel(config, model, tokenizer, prompt, loader.resolved, start_folder)


def prompt_of(config: Config, tokenizer: Any) -> "tuple[PromptTemplate, list[str]]":
    """Return the prompt of a config, as its model was trained, and what is to be said about it."""
    from ..data.prompt.templates import configured_prompt

    prompt = configured_prompt(config, tokenizer)
    notes = [prompt.note] if prompt.note else []
    trained = _resolved_in_training(config)
    if trained is None:
        return prompt, notes
    if trained.prompt is None:  # by a version that knew no empty reasoning block in a named layout
        earlier = configured_prompt(config, tokenizer, empty_block=False)
        if earlier.tail_ids != prompt.tail_ids:
            notes.append("An older version trained this model without an empty reasoning block, so it gets none")
        return earlier, notes
    changed = [name for name, value in prompt.record().items() if trained.prompt.get(name) != value]
    if changed:
        notes.append(f"The prompt is not the one that the model was trained with: {', '.join(changed)} differ")
    return prompt, notes


def _resolved_in_training(config: Config) -> "ResolvedChoices | None":
    """Return what was resolved in the run that trained a config's adapter or whole model; None where none is known."""
    from ..runs.record import read_record

    model = Path(os.path.expanduser(config.lora.adapter or config.model.checkpoint))
    if settings_file(model) is None:
        return None
    record = read_record(run_of(model))
    return record.resolved if record and record.resolved.model_fields_set else None


def _other_base(config: Config) -> str | None:
    """Return the name of the base model that the adapter was trained on, where that is not the config's."""
    if config.lora.adapter is None:
        return None
    from ..models.resolve import resolve_checkpoint

    trained_on = _base_of(Path(os.path.expanduser(config.lora.adapter)))
    used = {config.model.checkpoint, _place(resolve_checkpoint(config.model.checkpoint))}
    return None if trained_on is None or {trained_on, _place(trained_on)} & used else trained_on


def _place(checkpoint: str) -> str:
    """Return a local checkpoint's folder in full, or a hub's name as it is."""
    folder = Path(os.path.expanduser(checkpoint))
    return str(folder.resolve()) if folder.is_dir() else checkpoint


def _base_of(folder: Path) -> str | None:
    """Return the base model that an adapter's own files name: the run's settings, else PEFT's."""
    if (file := settings_file(folder)) is not None:
        saved = load_settings(file, ["model.trust_remote_code=false"])
        return found_again(saved, run_of(folder) / folder.name, ()).model.checkpoint
    from ..models.adapter_config import saved_setting

    name = saved_setting(folder, "base_model_name_or_path")
    return None if name is None else str(name)


def _config(experiment: str | None, adapter: str | None, overrides: list[str]) -> Config:
    if experiment is not None:
        return load_config(experiment, overrides)
    if adapter is None:
        raise YoyakError("name a model: --adapter outputs/NAME/final_model, or --experiment NAME")
    if not Path(adapter).is_dir():
        raise YoyakError(f"{adapter}: no such adapter folder; name a run's final_model")
    return load_saved(Path(adapter), overrides)
