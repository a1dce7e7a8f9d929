"""What `yoyak evaluate` and `yoyak summarize` share: options of generation, and filling a file with what is missing."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..bilingual import count
from ..config.effects import without_attention, without_effect
from ..config.loader import flatten
from ..config.schema import Config
from ..errors import YoyakError
from ..files import sha256_of
from ..ranks.group import agreed, is_first_rank, rank_count, working_alone
from .console import create_console
from .mbr_start import mbr_start
from .model import LoadedModel, load_configured
from .progress import progress
from .speech import say_aside

if TYPE_CHECKING:
    from rich.console import Console

    from ..inference.generator import Generated
    from ..inference.saved_rows import SavedRows

_KEPT_EVERY = {"cpu": 64, "cuda": 1024}
"""Summaries that each of several ranks makes before the one that writes has them all: what a killed run can lose.

So many, too, are made at a time with samples of the model before refining, which come before the first summary.
"""
_SAMPLES, _SAMPLE_BYTES = 64, 4096
_MBR_TEMPERATURE, _MBR_REFERENCES = "generation.mbr_temperature", "generation.mbr_references"
_START_TEMPERATURE = "temperature of the model before refining"


def generation_options(
    num_beams: int | None, max_new_tokens: int | None, batch_size: int | None, seed: int | None
) -> dict[str, tuple[str, object]]:
    """Return the settings that the options of generation stand for, as `with_options` takes them."""
    return {
        "generation.num_beams": ("--num-beams", num_beams),
        "tokenizer.decoder_max_len": ("--max-new-tokens", max_new_tokens),
        "generation.batch_size": ("--batch-size", batch_size),
        "generation.seed": ("--seed", seed),
    }


def deciding_settings(config: Config) -> dict[str, object]:
    """Return what decides the summaries: base model, adapter (by its bytes too), prompt, decoding and compute type."""
    from ..models.compute import resolve_compute

    sections = ["model.", "tokenizer.", "dataset.", "generation."]
    if config.generation.mbr_samples and config.generation.mbr_metric == "rouge_sum":
        sections.append("evaluation.")
    beside_the_point = ["model.size", "generation.batch_size", "generation.batch_tokens", "evaluation.generate"]
    beside_the_point.append(_MBR_REFERENCES)  # the adapter that it leads to stands there, by its bytes too
    start = mbr_start(config)
    if not config.generation.mbr_samples:  # of MBR alone, and unknown to rows that older versions wrote
        beside_the_point.append(_MBR_TEMPERATURE)
    if not config.generation.truncates_loops:  # as above
        beside_the_point.append("generation.truncate_repetition")
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
        **({_MBR_REFERENCES: _identity(str(start))} if start else {}),
        **({"model files": files} if (files := _digest_of_folder(config.model.checkpoint)) else {}),
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


def _digest_of_folder(checkpoint: str) -> str | None:
    """Return the start of a hash of a model's folder, where it is one: a model that is trained again keeps it.

    Of weights sizes and samples count: another training moves nearly all of them.
    """
    folder = Path(os.path.expanduser(checkpoint))
    if not folder.is_dir():
        return None
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".jinja"):
            digest.update(f"{path.name} {sha256_of(path)} ".encode())
        elif path.suffix == ".safetensors":
            size = path.stat().st_size
            digest.update(f"{path.name} {size} ".encode())
            with path.open("rb") as file:
                for number in range(_SAMPLES):
                    file.seek(number * max(size - _SAMPLE_BYTES, 0) // (_SAMPLES - 1))
                    digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:12]


def speaking_console() -> "Console":
    """Return the console on which a command says what it does; of several ranks the first one speaks."""
    return create_console(stderr=True, quiet=not is_first_rank())


def refuse_other_sheets(spreadsheet: bool, suffix: str) -> None:
    """Raise YoyakError for `--spreadsheet` where JSON Lines are written, and no CSV or TSV."""
    if spreadsheet and suffix == ".jsonl":
        raise YoyakError("--spreadsheet is of CSV and TSV files, and JSON Lines are written; leave it out")


def growing_rows(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
    generated: Sequence[str],
    config: Config,
    overwrite: bool = False,
    formulas_as_text: bool = False,
) -> "SavedRows":
    """Return the rows of a file that grows by what `config` makes; the other arguments are those of `SavedRows`.

    Of several ranks only the first reads and writes the file, and knows what is there.
    """
    from ..inference.saved_rows import SavedRows

    refuse_other_sheets(formulas_as_text, path.suffix.lower())
    first = is_first_rank()
    with working_alone() if first else nullcontext():
        settings = deciding_settings(config) if first else {}
        return SavedRows(path, rows, generated, settings, overwrite or not first, formulas_as_text)


def fill(
    saved: "SavedRows",
    dialogues: Sequence[str],
    config: Config,
    console: "Console",
    values: "Callable[[Generated], dict[str, Any]]",
    of_one_model: bool = True,
) -> LoadedModel | None:
    """Generate the summaries that a file lacks, each written as it comes; return the model where it was needed.

    There is a dialogue for each of the file's rows, which stand in the input's order afterwards; `values` makes the
    generated columns, `of_one_model` is as in `without_effect`. Of several ranks each generates a part, and the first
    one writes: its own summaries as they come, those of the others some at a time.
    """
    writes, total = is_first_rank(), len(saved.rows)
    missing = agreed(lambda: saved.missing)
    if saved.done:
        console.print(f"{saved.path} has {len(saved.done)} of {count(total, 'summary', 'summaries')} already")
    loaded, made = None, list["Generated"]()
    if missing:
        many = count(total, "summary", "summaries")
        with stoppable(lambda: f"{saved.path} has {len(saved.done)} of {many}; the same command goes on"):
            loaded = load_to_generate(config, dialogues, console, saved.found, of_one_model)
            grows = saved.growing() if writes else nullcontext()
            with grows, progress(console, "Summarizing", len(missing)) as advance:
                in_parts = rank_count() > 1 or loaded.start is not None
                for part in _parts(missing, str(loaded.resolved["device"])) if in_parts else [missing]:

                    def keep(position: int, result: "Generated", part: Sequence[int] = part) -> None:
                        made.append(result)
                        if writes:
                            saved.add(part[position], values(result))
                        advance(1)

                    summaries(loaded, of_first_rank(dialogues, part), keep)
    if writes:
        with working_alone():
            saved.finish()
        say_loops(made, config, console)
    return loaded


def say_loops(made: "Sequence[Generated]", config: Config, console: "Console") -> None:
    """Say how many summaries ended in a loop, where any did."""
    from ..inference.loops import loops_note

    if looped := sum(result.looped for result in made):
        console.print(loops_note(looped, config.generation.truncates_loops), style="yellow")


def load_to_generate(
    config: Config,
    dialogues: Sequence[str],
    console: "Console",
    found: dict[str, Any] | None = None,
    of_one_model: bool = True,
) -> LoadedModel:
    """Return the model of a config, ready to summarize dialogues; what of its settings is without effect is said.

    `found`: as in `with_mbr_temperature`; `of_one_model`: as in `without_effect`.
    """
    from ..inference.probe import generates_fast

    for sentence in without_effect(config.generation, of_one_model):
        console.print(sentence, style="yellow")
    loaded = load_configured(config, console)
    unread = without_attention(config.model)
    for sentence in unread if unread and generates_fast(loaded.model) else []:
        console.print(sentence, style="yellow")
    return with_mbr_temperature(loaded, dialogues, console, found)


def with_mbr_temperature(
    loaded: LoadedModel, dialogues: Sequence[str], console: "Console", found: dict[str, Any] | None = None
) -> LoadedModel:
    """Return a loaded model whose MBR draws at a number where it had `auto`: found on the first dialogues, and said.

    So is what its start draws with. `found` keeps temperatures: what the first rank has there is taken, so that a file
    goes on at those that it was begun with.
    """
    from ..data.prompt.truncation import TruncationCounts
    from ..inference.generator import settled
    from ..inference.mbr_start import start_samples
    from ..inference.mbr_temperature import DIALOGUES, is_open
    from ..models.generation_settings import end_ids_of

    def say(sentence: str) -> None:
        console.print(sentence, style="dim")

    generation, found, start = loaded.config.generation, {} if found is None else found, None
    finds, folder = is_open(generation), loaded.start_folder
    if not dialogues or (not finds and folder is None):
        return loaded
    own, of_start = agreed(lambda: (_number(found, _MBR_TEMPERATURE), _number(found, _START_TEMPERATURE)))
    # What is cut of a dialogue is counted where it is summarized.
    prompt = replace(loaded.prompt, counts=TruncationCounts())
    prompts = prompt.encode_prompts(of_first_rank(dialogues, range(min(DIALOGUES, len(dialogues)))))
    by, most = (loaded.model, loaded.tokenizer, prompts), prompt.decoder_max_len
    if finds:
        known = generation if own is None else generation.model_copy(update={"mbr_temperature": own})
        generation = settled(known, *by, prompt.end_id, most, lambda new: say(new.sentence()))
        found[_MBR_TEMPERATURE] = generation.mbr_temperature
    if folder is not None:
        start = start_samples(folder, *by, generation, end_ids_of(loaded.model, prompt.end_id), most, say, of_start)
        found[_START_TEMPERATURE] = start.temperature
    return replace(loaded, config=loaded.config.model_copy(update={"generation": generation}), start=start)


def _number(found: Mapping[str, Any], name: str) -> float | None:
    value = found.get(name)
    return float(value) if isinstance(value, int | float) else None


def _parts(missing: list[int], device: str) -> Iterator[list[int]]:
    """Yield the rows that are generated before all ranks meet."""
    size = rank_count() * _KEPT_EVERY[device]
    for start in range(0, len(missing), size):
        yield missing[start : start + size]


def of_first_rank(dialogues: Sequence[str], chosen: Sequence[int]) -> list[str]:
    """Return chosen dialogues as the first rank has them: another machine's file may have changed."""
    return agreed(lambda: [dialogues[index] for index in chosen])


def summaries(
    loaded: LoadedModel, dialogues: Sequence[str], on_result: "Callable[[int, Generated], None]"
) -> "list[Generated]":
    """Return the summaries of dialogues by a loaded model, as its config says."""
    from ..inference.generator import generate_summaries

    config = loaded.config
    return generate_summaries(
        loaded.model,
        loaded.tokenizer,
        loaded.prompt,
        dialogues,
        config.generation,
        on_result,
        config.evaluation,
        loaded.start,
    )


@contextmanager
def stoppable(what_is_kept: Callable[[], str]) -> Iterator[None]:
    """Say on Ctrl-C what is kept, and let it end the command."""
    try:
        yield
    except KeyboardInterrupt:
        say_aside(f"stopped; {what_is_kept()}")
        raise
