"""What `yoyak evaluate` and `yoyak summarize` share: options of generation, and filling a file with what is missing."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.loader import flatten
from ..config.schema import Config
from ..files import sha256_of
from .model import LoadedModel, load_configured
from .progress import progress
from .speech import say_aside

if TYPE_CHECKING:
    from rich.console import Console

    from ..inference.generator import Generated
    from ..inference.saved_rows import SavedRows


def generation_overrides(
    num_beams: int | None, max_new_tokens: int | None, batch_size: int | None, seed: int | None
) -> list[str]:
    """Return the settings that the options of generation stand for."""
    options = {
        "generation.num_beams": num_beams,
        "tokenizer.decoder_max_len": max_new_tokens,
        "generation.batch_size": batch_size,
        "generation.seed": seed,
    }
    return [f"{setting}={value}" for setting, value in options.items() if value is not None]


def deciding_settings(config: Config) -> dict[str, object]:
    """Return what decides the summaries: base model, adapter (by its bytes too), prompt, decoding and compute type."""
    from ..models.compute import resolve_compute

    sections = ["model.", "tokenizer.", "dataset.", "generation."]
    if config.generation.mbr_samples and config.generation.mbr_metric == "rouge_sum":
        sections.append("evaluation.")
    beside_the_point = ["model.size", "generation.batch_size", "generation.batch_tokens", "evaluation.generate"]
    if not config.generation.mbr_samples:  # of MBR alone, and unknown to rows that older versions wrote
        beside_the_point.append("generation.mbr_temperature")
    if not config.dataset.name_form:  # as above
        beside_the_point.append("dataset.name_form")
    return {
        **{
            name: value
            for name, value in flatten(config).items()
            if name.startswith(tuple(sections)) and name not in beside_the_point
        },
        **({} if config.data.dialogue_format == "auto" else {"data.dialogue_format": config.data.dialogue_format}),
        "lora.use_qlora": config.lora.use_qlora and config.lora.use_lora,
        "lora.adapter": _identity(config.lora.adapter),
        "compute dtype": resolve_compute(config.model.dtype).dtype,
    }


def _identity(adapter: str | None) -> str | None:
    """Return an adapter's folder with the start of its weights' hash: a run that is trained again keeps its folder."""
    if adapter is None:
        return None
    weights = Path(adapter) / "adapter_model.safetensors"
    if not weights.is_file():  # said in its own words when it is loaded
        return adapter
    return f"{os.path.relpath(adapter)} (sha256 {sha256_of(weights)[:12]})"


def fill(
    saved: "SavedRows",
    dialogues: Sequence[str],
    config: Config,
    console: "Console",
    values: "Callable[[Generated], dict[str, Any]]",
) -> LoadedModel | None:
    """Generate the summaries that a file lacks, each written as it comes; return the model where it was needed.

    There is a dialogue for each of the file's rows, which stand in the input's order afterwards; `values` makes the
    generated columns.
    """
    missing, total = saved.missing, len(saved.rows)
    if saved.done:
        console.print(f"{len(saved.done)} of {total} summaries are in {saved.path} already")
    loaded = None
    if missing:
        with stoppable(lambda: f"{len(saved.done)} of {total} summaries are in {saved.path}; the same command goes on"):
            loaded = load_configured(config, console)
            with saved.growing(), progress(console, "Summarizing", len(missing)) as advance:

                def keep(position: int, result: "Generated") -> None:
                    saved.add(missing[position], values(result))
                    advance(1)

                summaries(loaded, [dialogues[index] for index in missing], keep)
    saved.finish()
    return loaded


def summaries(
    loaded: LoadedModel, dialogues: Sequence[str], on_result: "Callable[[int, Generated], None]"
) -> "list[Generated]":
    """Return the summaries of dialogues by a loaded model, as its config says."""
    from ..inference.generator import generate_summaries

    config = loaded.config
    return generate_summaries(
        loaded.model, loaded.tokenizer, loaded.prompt, dialogues, config.generation, on_result, config.evaluation
    )


@contextmanager
def stoppable(what_is_kept: Callable[[], str]) -> Iterator[None]:
    """Say on Ctrl-C what is kept, and let it end the command."""
    try:
        yield
    except KeyboardInterrupt:
        say_aside(f"stopped; {what_is_kept()}")
        raise
