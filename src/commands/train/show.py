"""What a run shows on the terminal: bars, scores, examples, and what to type next."""

from typing import TYPE_CHECKING

from ...bilingual import count
from ...config.typed import typed_path
from ...runs.outcomes import Faults
from ..console import figures_table
from ..speech import Quoted, said

if TYPE_CHECKING:
    from ...data.files.sources import DialogueTable
    from ...inference.scored import Evaluation
    from .folder import RunContext


def show_examples(
    run: "RunContext",
    table: "DialogueTable",
    before: "Evaluation",
    after: "Evaluation",
    names: tuple[str, str] = ("zero-shot", "fine-tuned"),
) -> None:
    """Print scores before and after, and three dialogues with reference and both summaries."""
    from rich.table import Table

    from ...evaluation.rouge import counted_as

    counted = after.scores
    how = counted_as(counted.tokenization, counted.stemmer)
    columns = ("", "ROUGE-1", "ROUGE-2", "ROUGE-L", "sum", "mean")
    scores = figures_table(f"ROUGE F1 x100 ({how}; {count(counted.n, 'dialogue')})", *columns)
    for name, result in zip(names, (before.scores, after.scores), strict=True):
        values = (result.rouge1, result.rouge2, result.rougeL, result.rouge_sum, result.rouge_mean)
        scores.add_row(name, *(f"{value:.2f}" for value in values))
    run.console.print(scores)
    for index, row in enumerate(table.rows[:3]):
        turns = row.dialogue.split("\n")
        shown = (
            turns if len(turns) <= 4 else [*turns[:2], said(f"... {count(len(turns) - 4, 'turn')} ..."), *turns[-2:]]
        )
        example = Table(
            title=Quoted(f"{row.fname}  {row.topic or ''}"), title_justify="left", show_header=False, expand=True
        )
        example.add_column(width=10, style="bold")
        example.add_column(ratio=1)
        for name, text in (
            ("dialogue", "\n".join(shown)),
            ("reference", row.summary),
            ("before", shortened(before.summaries[index])),
            ("after", shortened(after.summaries[index])),
        ):
            example.add_row(name, Quoted(text), end_section=name == "dialogue")
        run.console.print(example)


def shortened(text: str, most: int = 320) -> str:
    """Return `text` on one line, at most `most` characters of it."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 4].rstrip() + " ..."


def show_faults(run: "RunContext") -> None:
    """Print what went wrong in the training and was mended."""
    from ...reports.faults import fault_sentences

    for sentence in fault_sentences(run.file.record.faults or Faults()):
        run.console.print(sentence, style="yellow")


def show_next_command(run: "RunContext") -> None:
    """Print where the run's page is and what to type next."""
    print_line = run.console.print
    print_line(f"\nReport:  {run.folder / 'report.html'}")
    model = run.folder / "final_model"
    print_line(f'Next:    yoyak summarize "Anna: ... Ben: ..." --adapter {typed_path(model)}')
