"""The command line of `yoyak evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import YoyakError
from .given import arguments_of, refuse_given, with_options
from .options import (
    AdapterFolder,
    Anew,
    AsJson,
    BatchSize,
    Gpus,
    MaxNewTokens,
    NumBeams,
    Overrides,
    ProcessCount,
    Seed,
    Spreadsheet,
)
from .several import Several

_OF_FILES = ("dialogues", "column", "reference_column", "by_row", "multi")
_OF_GENERATING = ("num_beams", "max_new_tokens", "batch_size", "seed")
_OF_A_MODEL = ("split", "zero_shot", "out", "overwrite", "spreadsheet", *_OF_GENERATING)


def evaluate(
    context: typer.Context,
    overrides: Overrides = None,
    experiment: Annotated[str | None, typer.Option("--experiment", "-e", help="Config of the model to score.")] = None,
    adapter: AdapterFolder = None,
    predictions: Annotated[Path | None, typer.Option(help="File with ids and summaries to score.")] = None,
    references: Annotated[Path | None, typer.Option(help="File with the same ids and references.")] = None,
    tokenization: Annotated[str | None, typer.Option(help="word, morpheme, content, mecab, char or ascii.")] = None,
    stemmer: Annotated[bool | None, typer.Option("--stemmer/--no-stemmer", help="Stem English words.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="Another system's summaries, to compare with.")] = None,
    dialogues: Annotated[Path | None, typer.Option(help="With files: fname and dialogue, if no other has it.")] = None,
    column: Annotated[str | None, typer.Option(help="With files: column of the summaries, by default summary.")] = None,
    baseline_column: Annotated[str | None, typer.Option(help="Column of the baseline's summaries.")] = None,
    reference_column: Annotated[str | None, typer.Option(help="With files: column of the references.")] = None,
    by_row: Annotated[bool, typer.Option("--by-row", help="With files without ids in common: join by order.")] = False,
    multi: Annotated[str, typer.Option(help="With files: several references count by mean or best.")] = "mean",
    facts: Annotated[bool, typer.Option(help="Look for facts that the dialogue does not hold.")] = True,
    also: Annotated[list[str] | None, typer.Option(help="Further adapters: the summary closest to the others.")] = None,
    split: Annotated[str, typer.Option(help="With a model: dev (data.eval) or train (data.train).")] = "dev",
    zero_shot: Annotated[bool, typer.Option("--zero-shot", help="With a model: without its adapter.")] = False,
    out: Annotated[Path | None, typer.Option(help="With a model: file for its summaries.")] = None,
    overwrite: Anew = False,
    spreadsheet: Spreadsheet = False,
    num_beams: NumBeams = None,
    max_new_tokens: MaxNewTokens = None,
    batch_size: BatchSize = None,
    seed: Seed = None,
    gpus: Gpus = None,
    processes: ProcessCount = None,
    as_json: AsJson = False,
) -> None:
    """Score summaries from files (no model), or a model with or without an adapter."""
    several = Several(gpus, processes)
    if baseline is None:
        refuse_given(context, ["baseline_column"], "without --baseline there is nothing to compare with")
    if predictions is not None or references is not None:
        from .evaluate_files import FilesRequest, evaluate_files

        settings = overrides or []
        others = [name for name in settings if not name.startswith("data.")]
        if experiment is not None or adapter is not None or also or others:
            raise YoyakError(
                "--predictions and --references score files: leave out --experiment, --adapter, KEY=VALUE (but for "
                "data.*)"
            )
        if several:
            raise YoyakError(
                "--predictions and --references score files on the processor: leave out --gpus, --processes"
            )
        refuse_given(context, _OF_A_MODEL, "--predictions and --references score files")
        columns = {"column": column, "baseline_column": baseline_column, "reference_column": reference_column}
        files = FilesRequest(predictions, references, baseline, dialogues, **columns, by_row=by_row, overrides=settings)
        evaluate_files(files, tokenization or "word", bool(stemmer), multi, facts, as_json)
    else:
        refuse_given(context, _OF_FILES, "without --predictions a model is scored")
        from .evaluate import ModelEvaluation, evaluate_experiment
        from .generating import generation_options

        scoring = {
            "evaluation.tokenization": ("--tokenization", tokenization),
            "evaluation.stemmer": ("--stemmer", stemmer),
        }
        options = {**generation_options(num_beams, max_new_tokens, batch_size, seed), **scoring}
        settings = with_options(overrides, options)
        how = split, zero_shot, out, overwrite, spreadsheet, also or (), baseline, baseline_column
        shared = several, arguments_of(context)
        evaluate_experiment(ModelEvaluation(experiment, adapter, settings, *how, *shared), facts, as_json)
