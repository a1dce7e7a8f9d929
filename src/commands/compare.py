"""`yoyak compare RUN RUN ...`: runs beside each other, on the screen, as JSON or as a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import YoyakError
from .console import create_console, figures_table, print_json
from .speech import Quoted

if TYPE_CHECKING:
    from rich.table import Table

    from ..reports.comparison import RunComparison

EXAMPLES_PRINTED = 5


def show_comparison(runs: Sequence[str], tokenization: str | None, out: Path | None, as_json: bool) -> None:
    """Compare runs with the first of them, print what was found and write the page.

    Raises:
        YoyakError: A run that is not there or has no summaries, one run only, or a page that cannot be written.
    """
    from ..reports.comparison import compare_runs
    from ..runs.read import find_run

    if out is not None and out.is_dir():
        raise YoyakError(f"--out {out}: is a folder; name the page's file, such as {out / 'compare.html'}")
    comparison = compare_runs([find_run(name) for name in runs], tokenization)
    if out is not None:
        from ..reports.compare_page import render_comparison
        from ..reports.page import write_page

        write_page(out, render_comparison(comparison))
    if as_json:
        print_json(comparison.as_dict())
    else:
        _print(comparison)
        if out is not None:
            create_console().print(f"Page: {out}")


def _print(comparison: "RunComparison") -> None:
    from ..evaluation.result import SCORE_NAMES
    from ..evaluation.rouge import counted_as

    console = create_console()
    names = [run.name for run in comparison.runs]
    if comparison.settings:
        from ..reports.wording import setting

        rows = [[name, *(Quoted(setting(value)) for value in values)] for name, values in comparison.settings]
        console.print(_table("Settings that differ", names, rows))
    counted = counted_as(comparison.tokenization, comparison.stemmer)
    scores = [[title, *(str(run.result.scores[key]) for run in comparison.runs)] for key, title in SCORE_NAMES.items()]
    sizes = ["dialogues", *(str(run.result.n) for run in comparison.runs)]
    console.print(_table(f"Scores x100 ({counted}) and 95% intervals", names, [*scores, sizes]))
    console.print(_table("Cost", names, _cost_rows(comparison)))
    for run in comparison.runs[1:]:
        if sentence := run.sentence():
            console.print(f"{run.name} against {names[0]}: {sentence}", style="bold")
    for note in comparison.notes:
        console.print(note, style="yellow")
    for example in comparison.examples[:EXAMPLES_PRINTED]:
        sums = ", ".join(f"{name} {value:.1f}" for name, value in zip(names, example.rouge_sums, strict=True))
        line = f"  {example.rows[0].fname}: ROUGE sum {sums} ({example.change:+.1f})"
        console.print(line)


def _cost_rows(comparison: "RunComparison") -> list[list[str]]:
    from ..reports.wording import duration, gibibytes, rate

    trained = [run.run.record.train for run in comparison.runs]
    return [
        ["wall time", *("-" if t.wall_seconds is None else duration(t.wall_seconds) for t in trained)],
        ["peak memory", *("-" if t.peak_memory_bytes is None else gibibytes(t.peak_memory_bytes) for t in trained)],
        ["tokens/s", *("-" if t.tokens_per_second is None else rate(t.tokens_per_second) for t in trained)],
        ["examples/s", *("-" if t.samples_per_second is None else rate(t.samples_per_second) for t in trained)],
    ]


def _table(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    table = figures_table(title, "", *map(Quoted, names))
    for row in rows:
        table.add_row(*row)
    return table
