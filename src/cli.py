"""The command line: one function a command. Heavy imports stay inside, so that `--help` answers at once."""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from .commands.config_cli import config_app
from .commands.data.data_cli import data_app
from .commands.evaluate_cli import evaluate
from .commands.exit_code import exit_code
from .commands.last_resort import say_what_no_log_takes
from .commands.models_cli import models_app
from .commands.options import (
    AdapterFolder,
    Anew,
    AsJson,
    BatchSize,
    Experiment,
    Gpus,
    MaxNewTokens,
    NumBeams,
    Overrides,
    Overwrite,
    ProcessCount,
    Seed,
    Spreadsheet,
)
from .commands.plan_cli import plan
from .commands.search_cli import search
from .commands.speech import choose_language, korean_help, said, speaks_korean
from .commands.usage import QuietGroup, refuse_undecodable
from .data.prompt.round_trip import panics_refused
from .errors import refusals_of_the_disk, refuse_removed_folder
from .streams import forgiving_streams
from .web.studio_cli import studio

app = typer.Typer(
    name="yoyak",
    cls=QuietGroup,
    help="Fine-tune language models to summarize Korean and English dialogues.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_app, name="data")
app.add_typer(models_app, name="models")
app.add_typer(config_app, name="config")
app.command()(plan)
app.command()(evaluate)
app.command()(studio)
app.command()(search)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug_errors: Annotated[bool, typer.Option("--debug-errors", help="Show tracebacks of errors.")] = False,
    lang: Annotated[
        str | None, typer.Option("--lang", help="Language of messages, en or ko; by the locale if not given.")
    ] = None,
) -> None:
    """Hold the options of all commands."""
    if version:
        from . import __version__

        typer.echo(f"yoyak {__version__}")
        raise typer.Exit
    refuse_removed_folder()


@app.command()
def train(
    experiment: Experiment,
    overrides: Overrides = None,
    use_qlora: Annotated[
        bool | None,
        typer.Option("--use_qlora/--no-use_qlora", help="Base model in 4 bit or not; by default as lora.use_qlora."),
    ] = None,
    use_instruction_augmentation: Annotated[
        bool, typer.Option("--use_instruction_augmentation", help="Show each training dialogue under 5 instructions.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="50 + 10 examples, 1 epoch, batch 2, no trackers.")] = False,
    overwrite: Overwrite = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that the output folder holds.")] = False,
    folds: Annotated[int | None, typer.Option(help="Train K runs, one on each fold of data.train.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Start though the plan says that it doesn't fit.")] = False,
    gpus: Gpus = None,
    processes: ProcessCount = None,
) -> None:
    """Train a model from a config; outputs go to outputs/<experiment.name>/."""
    from .commands.given import with_options
    from .commands.several import Several
    from .commands.train.request import TrainRequest
    from .commands.train.train import train_run
    from .commands.train.train_folds import train_folds

    more = {"debug": debug, "overwrite": overwrite, "resume": resume, "force": force}
    flags = {
        "lora.use_qlora": ("--use_qlora", use_qlora),
        "data.instruction_augmentation": ("--use_instruction_augmentation", use_instruction_augmentation or None),
    }
    request = TrainRequest(experiment, with_options(overrides, flags), Several(gpus, processes), **more)
    train_run(request) if folds is None else train_folds(request, folds)


@app.command()
def refine(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a finished run, or its name under outputs/.")],
    overrides: Overrides = None,
    overwrite: Overwrite = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the refining that the folder holds.")] = False,
    gpus: Gpus = None,
    processes: ProcessCount = None,
) -> None:
    """Train a run's model further on the reward of whole summaries; outputs go to outputs/NAME_refined/."""
    from .commands.several import Several
    from .commands.train.refine import refine_run

    refine_run(run, overrides or [], overwrite, resume, Several(gpus, processes))


@app.command()
def quickstart(
    overrides: Overrides = None,
    korean: Annotated[bool, typer.Option("--korean", help="Use the Korean sample dialogues.")] = False,
) -> None:
    """Train and score a real 135M model on the shipped sample dialogues, in minutes on a CPU."""
    from .commands.train.quickstart import run_quickstart

    run_quickstart(korean, overrides)


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Folders of runs, or names under outputs/.")],
    tokenization: Annotated[str | None, typer.Option(help="As evaluate's; by default the first run's.")] = None,
    out: Annotated[Path | None, typer.Option(help="File for a page with curves and examples.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare runs with the first of them: settings, scores with intervals, cost, summaries."""
    from .commands.compare import show_comparison

    show_comparison(runs, tokenization, out, as_json)


@app.command()
def summarize(
    context: typer.Context,
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT|FILE|FOLDER|-",
            help="A dialogue, a file with one, a table (CSV, TSV, JSON, JSONL, Parquet), a folder of .txt files, or -.",
        ),
    ],
    overrides: Overrides = None,
    experiment: Annotated[str | None, typer.Option("--experiment", "-e", help="Config of the model to use.")] = None,
    adapter: AdapterFolder = None,
    out: Annotated[Path | None, typer.Option(help="File for the summaries, from which a stopped run goes on.")] = None,
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
    """Summarize a dialogue, or every one of a table or folder."""
    from .commands.generating import generation_options
    from .commands.given import arguments_of, refuse_given, with_options
    from .commands.several import Several
    from .commands.summarize import SummarizeRequest, summarize_dialogues

    if out is None:
        refuse_given(context, ["overwrite"], "without --out no file is written")
    settings = with_options(overrides, generation_options(num_beams, max_new_tokens, batch_size, seed))
    how = out, overwrite, as_json, spreadsheet, Several(gpus, processes), arguments_of(context)
    summarize_dialogues(SummarizeRequest(text, experiment, adapter, settings, *how))


@app.command()
def export(
    context: typer.Context,
    to: Annotated[str, typer.Option(help="adapter (vLLM), merged, gguf, gguf-lora, ollama or hub.")],
    overrides: Overrides = None,
    adapter: AdapterFolder = None,
    run: Annotated[str | None, typer.Option(help="A run instead of an adapter: its name or folder.")] = None,
    average_with: Annotated[list[str] | None, typer.Option(help="More runs or adapters: the mean of weights.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write.")] = None,
    experiment: Annotated[str | None, typer.Option("--experiment", "-e", help="Config of a foreign adapter.")] = None,
    quantization: Annotated[str, typer.Option(help="Of GGUF: f16, bf16, f32, q8_0; others by llama.cpp.")] = "f16",
    base: Annotated[str, typer.Option(help="Merge onto the dequantized (trained on) or original weights.")] = (
        "dequantized"
    ),
    check: Annotated[int, typer.Option(min=0, help="Dialogues to compare the loss on; 0 for none.")] = 4,
    merge: Annotated[bool | None, typer.Option("--merge/--no-merge", help="Hub: whole weights or adapter.")] = None,
    push: Annotated[str | None, typer.Option(help="Hub: repository to send to, as OWNER/NAME.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Hub: only list what would go.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", "--force", help="Replace an earlier export.")] = False,
    as_json: AsJson = False,
) -> None:
    """Carry a trained model elsewhere: vLLM, llama.cpp, Ollama, the hub."""
    from .commands.export.export import export_model
    from .commands.export.export_source import ExportRequest
    from .commands.given import refuse_given

    if to in ("adapter", "gguf-lora", "merged", "hub"):
        refuse_given(context, ["quantization"], f"--to {to} writes no GGUF model")
    if to in ("adapter", "gguf-lora"):
        refuse_given(context, ["base", "check"] if check else ["base"], f"--to {to} merges nothing")
    source = {"adapter": adapter, "run": run, "experiment": experiment, "overrides": overrides or []}
    form = {"to": to, "out": out, "quantization": quantization, "base": base, "check": check, "merge": merge}
    how = {"push": push, "dry_run": dry_run, "overwrite": overwrite, "as_json": as_json}
    further = tuple(average_with or ())
    export_model(ExportRequest(**source, **form, **how, average_with=further))  # type: ignore[arg-type]


@app.command()
def serve(
    context: typer.Context,
    overrides: Overrides = None,
    experiment: Annotated[str | None, typer.Option("--experiment", "-e", help="Config of the model to serve.")] = None,
    adapter: AdapterFolder = None,
    host: Annotated[str, typer.Option(help="Address; one that others can reach needs a key or --no-auth.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="0 takes any that is free.")] = 8000,
    api_key: Annotated[str | None, typer.Option(help="Key that clients send, as @FILE; or set YOYAK_API_KEY.")] = None,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="Serve whoever reaches the address.")] = False,
    max_queue: Annotated[int, typer.Option(help="Summaries that may wait; 429 above.")] = 128,
    max_batch: Annotated[int | None, typer.Option(help="Summaries at a time; generation.batch_size if not.")] = None,
    batch_wait_ms: Annotated[float, typer.Option(help="How long an idle server waits for company.")] = 10,
    timeout_s: Annotated[float, typer.Option(help="Longest time of a request; 504 after it.")] = 120,
    truncate: Annotated[bool, typer.Option("--truncate", help="Shorten dialogues that are too long (else 422).")] = (
        False
    ),
    engine: Annotated[str, typer.Option(help="transformers, or vllm where it is installed.")] = "transformers",
) -> None:
    """Serve a model over HTTP, with the interface of OpenAI's clients."""
    from .commands.given import refuse_given, with_options
    from .commands.serve import ServeRequest, serve_model

    if engine == "vllm":
        refuse_given(context, ["max_queue", "batch_wait_ms", "timeout_s", "truncate"], "vLLM has limits of its own")
    door = {"host": host, "port": port, "api_key": api_key, "no_auth": no_auth}
    load = {"max_queue": max_queue, "max_batch": max_batch, "batch_wait_ms": batch_wait_ms, "timeout_s": timeout_s}
    with_options(overrides, {"generation.batch_size": ("--max-batch", max_batch)})
    serve_model(ServeRequest(experiment, adapter, overrides or [], **door, **load, truncate=truncate, engine=engine))  # type: ignore[arg-type]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 2 for what the user can mend, 130 (143) for Ctrl-C (SIGTERM), 1 for our faults."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    show_traceback = "--debug-errors" in given
    given = [argument for argument in given if argument != "--debug-errors"]
    with forgiving_streams() as output:
        code = exit_code(lambda: _run(given), show_traceback)
        output.flush()
        if output.reason is not None and code in (0, None):
            reason = f"standard output can't be written ({output.reason})"
            typer.secho(f"yoyak: {said(reason)}", err=True, fg="red")
            code = 2
    sys.exit(code)


@refusals_of_the_disk()
def _run(given: list[str]) -> None:
    refuse_undecodable(given)
    given = choose_language(given)
    say_what_no_log_takes()
    command = korean_help(typer.main.get_command(app)) if speaks_korean() else _commands()
    with panics_refused():
        command(given, standalone_mode=True)


@functools.cache
def _commands() -> Any:
    """Return all commands; they are made once, since that takes longer than most of a process's further commands."""
    return typer.main.get_command(app)


if __name__ == "__main__":
    main()
