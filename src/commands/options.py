"""Options that several commands have, each with one help text."""

from typing import Annotated

import typer

Experiment = Annotated[str, typer.Option("--experiment", "-e", help="Name of a config, or path of a YAML file.")]
Overrides = Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings to override.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]
AdapterFolder = Annotated[str | None, typer.Option(help="Folder of an adapter or trained model: a run's final_model.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a run that the output folder holds.")]
Anew = Annotated[bool, typer.Option("--overwrite", help="Begin anew where the output file is there already.")]
Spreadsheet = Annotated[bool, typer.Option("--spreadsheet", help="Write formulas in CSV and TSV as text, behind a '.")]
NumBeams = Annotated[int | None, typer.Option("--num-beams", help="As generation.num_beams.")]
MaxNewTokens = Annotated[int | None, typer.Option("--max-new-tokens", help="As tokenizer.decoder_max_len.")]
BatchSize = Annotated[int | None, typer.Option("--batch-size", help="As generation.batch_size.")]
Seed = Annotated[int | None, typer.Option("--seed", help="As generation.seed.")]
Gpus = Annotated[
    str | None, typer.Option("--gpus", metavar="all|N|0,2", help="Use several GPUs: all, so many, or these.")
]
ProcessCount = Annotated[int | None, typer.Option("--processes", min=1, help="Use so many processes on the CPU.")]
