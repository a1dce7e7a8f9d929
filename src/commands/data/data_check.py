"""`yoyak data check`: what is in a data file, and what a model's prompt would cut of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...config.loader import load_config
from ...config.schema import Config
from ...errors import YoyakError
from ..console import create_console, print_json, quiet_libraries

if TYPE_CHECKING:
    from ...data.files.sources import DialogueRow
    from ...data.prompt.templates import PromptTemplate
    from ...data.tools.check import DataReport


def check(source: str, experiment: str, overrides: list[str], as_json: bool) -> None:
    """Report rows, encoding, bad rows, lengths, and what truncation would cut under an experiment's prompt.

    It takes all settings of the training that the file is for, though it goes by few of them.

    Raises:
        YoyakError: the file can't be used: at once, or behind the report where that says why no row can.
    """
    from ...data.tools.check import check_file

    config = load_config(experiment, overrides)
    template, why_not = _prompt_template(config)
    examples: list[tuple[int, int]] = []

    def lengths(rows: "Sequence[DialogueRow]") -> list[int]:
        assert template is not None
        dialogues = [row.dialogue for row in rows]
        for one in template.encode_examples(dialogues, [row.summary for row in rows]):  # counts what truncation cuts
            examples.append((len(one.input_ids), len(one.input_ids) - one.prompt_length))
        return template.prompt_lengths(dialogues)

    report = check_file(source, config.data, lengths if template else None, config.tokenizer.encoder_max_len)
    too_long = _beyond_positions(config, examples)
    if as_json:
        truncation = template.counts.as_dict() if template else None
        positions = {"positions": "; ".join(too_long)} if too_long else {}
        print_json(report.as_dict() | {"truncation": truncation} | positions)
    else:
        _show(report, template, why_not, too_long)
    if not report.rows:
        raise YoyakError(f"{source}: no usable row; the report says what is wrong with each kind of them")


def _show(report: "DataReport", template: "PromptTemplate | None", why_not: str | None, too_long: list[str]) -> None:
    from ...data.tools.check_tables import render

    console = create_console()
    console.print(render(report))
    said = f"Truncation: {template.counts.sentence()}" if template else f"Lengths in tokens are left out: {why_not}"
    console.print(said)
    for note in filter(None, [template.note if template else None, *too_long]):
        console.print(note)


def _prompt_template(config: Config) -> "tuple[PromptTemplate | None, str | None]":
    """Return the experiment's prompt, or why there is none (a tokenizer that can't be had)."""
    quiet_libraries()
    from transformers import AutoTokenizer

    from ...data.prompt.round_trip import UnfitTokenizerError
    from ...data.prompt.templates import configured_prompt
    from ...models.checkpoints import load_from, origin_arguments
    from ...models.resolve import resolve_checkpoint

    try:
        checkpoint = resolve_checkpoint(config.model.checkpoint)
        tokenizer = load_from(checkpoint, AutoTokenizer.from_pretrained, **origin_arguments(config.model))
        return configured_prompt(config, tokenizer), None
    except UnfitTokenizerError:
        raise
    except YoyakError as error:
        return None, str(error)


def _beyond_positions(config: Config, examples: list[tuple[int, int]]) -> list[str]:
    """Return what to say where prompts and summaries may take more positions than the model has, or do."""
    from ...models.generation_settings import checkpoint_json
    from ...planner.positions import check_example_lengths, check_positions
    from ...planner.shapes import cached_file

    path = cached_file(config.model.checkpoint, "config.json")  # a check of data fetches no model
    try:
        found = checkpoint_json(str(path.parent), "config.json") if path is not None else {}
        notes = (
            check_positions(found, config.model.checkpoint, config.tokenizer),
            check_example_lengths(found, config.model.checkpoint, examples),
        )
        return [note for note in notes if note]
    except YoyakError as error:
        return [str(error)]
