"""The commands under `yoyak data`; heavy imports stay inside, as in `cli.py`."""

from pathlib import Path
from typing import Annotated

import typer

from ..options import AsJson, Overrides

data_app = typer.Typer(help="Look at data files, split and augment them.", no_args_is_help=True)

_FORMATS = "CSV, TSV, JSON, JSONL or Parquet file, or sample:en/train.csv."
_Experiment = Annotated[
    str, typer.Option("--experiment", "-e", help="Config with the columns' names and the tokenizer: name or YAML file.")
]
_File = Annotated[str, typer.Argument(help=_FORMATS)]
_Seed = Annotated[int, typer.Option(min=0, help="Of everything random.")]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there already.")]


@data_app.command("check")
def data_check(
    file: _File, overrides: Overrides = None, experiment: _Experiment = "smollm2_135m", as_json: AsJson = False
) -> None:
    """Report rows, encoding, bad rows, lengths, and what truncation would cut."""
    from .data_check import check

    check(file, experiment, overrides or [], as_json)


@data_app.command("stats")
def data_stats(
    files: Annotated[list[str], typer.Argument(metavar="FILE... [KEY=VALUE]...", help=_FORMATS)],
    experiment: _Experiment = "smollm2_135m",
    out: Annotated[Path | None, typer.Option(help="HTML file for the pictures.")] = None,
    tokenization: Annotated[str, typer.Option(help="Words of coverage and density: word, morpheme, ...")] = "word",
    as_json: AsJson = False,
) -> None:
    """Report lengths, turns, speakers, compression, overlap, topics, and dialogues that files share."""
    from .data_stats import StatsRequest, stats

    stats(StatsRequest(files, experiment, out, tokenization, as_json))


@data_app.command("split")
def data_split(
    file: _File,
    out: Annotated[Path, typer.Option(help="Folder for train and dev, or for fold_0, fold_1, ...")],
    overrides: Overrides = None,
    eval_share: Annotated[float | None, typer.Option(help="Part of the rows that goes to dev [default: 0.1]")] = None,
    folds: Annotated[int | None, typer.Option(help="Make this many folds instead.")] = None,
    seed: _Seed = 42,
    by: Annotated[str, typer.Option(help="topic: each topic on both sides; none: at random.")] = "topic",
    group_by: Annotated[str | None, typer.Option(help="Column whose equal values stay on one side.")] = None,
    experiment: _Experiment = "smollm2_135m",
    overwrite: _Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Split a file into train and dev, or into folds; dialogues that are nearly the same stay together."""
    from .data_split import SplitRequest, split

    split(
        SplitRequest(file, overrides or [], out, experiment, eval_share, folds, seed, by, group_by, overwrite, as_json)
    )


@data_app.command("augment")
def data_augment(
    file: _File,
    out: Annotated[Path, typer.Option(help="File for the rows: .csv, .tsv, .jsonl or .parquet.")],
    overrides: Overrides = None,
    rename_speakers: Annotated[int, typer.Option(min=0, help="Copies of each dialogue under other names.")] = 0,
    instructions: Annotated[
        bool, typer.Option("--instructions", help="Write each row under five instructions, as messages (.jsonl).")
    ] = False,
    seed: _Seed = 42,
    show: Annotated[int, typer.Option(min=0, help="Print this many examples before and after.")] = 0,
    experiment: _Experiment = "smollm2_135m",
    overwrite: _Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write more training rows: dialogues with other speakers' names, or under five instructions."""
    from .data_augment import AugmentRequest, augment

    augment(
        AugmentRequest(
            file, overrides or [], out, experiment, rename_speakers, instructions, seed, show, overwrite, as_json
        )
    )
