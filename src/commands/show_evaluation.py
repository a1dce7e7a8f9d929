"""How `yoyak evaluate` shows what it found."""

from typing import TYPE_CHECKING

from ..bilingual import count
from ..evaluation.result import SCORE_NAMES, Comparison, EvaluationResult
from ..evaluation.rouge import counted_as
from .console import create_console, figures_table, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from ..evaluation.checks import Checks, TextChecks

MOST_FACTS = 10
_KIND_NAMES = {"number": "numbers", "date": "dates", "name": "names"}


def print_evaluation(result: EvaluationResult, as_json: bool = False) -> None:
    """Print the JSON, or tables and sentences, on standard output; warnings go to standard error."""
    for warning in result.warnings:
        create_console(stderr=True).print(f"Warning: {warning}", style="yellow")
    if as_json:
        print_json(result.as_dict())
        return
    console = create_console()
    console.print(_scores_table(result))
    if result.baseline is not None:
        console.print(_differences_table(result.baseline))
        console.print(result.baseline.sentence(), style="bold")
        console.print()
    console.print(_checks_table(result.checks))
    for line in _listed_facts(result.checks):
        console.print(line)
    for note in result.notes():
        if note not in result.warnings:
            console.print(note, style="yellow")


def _scores_table(result: EvaluationResult) -> "Table":
    counted = counted_as(result.tokenization, result.stemmer)
    columns = ("score", "95% interval", "by chance", *(["lead-3"] if result.lead else []))
    table = figures_table(f"Scores x100 ({counted}; {count(result.n, 'dialogue')})", "", *columns)
    for name, estimate in result.scores.items():
        floor = str(result.floor[name]) if result.floor else "-"
        mark = " (within chance)" if result.within_chance(name) else ""
        interval = f"{estimate.low:.2f} to {estimate.high:.2f}"
        lead = [f"{result.lead[name]:.2f}"] if result.lead else []
        table.add_row(SCORE_NAMES[name], f"{estimate.value:.2f}", interval, floor + mark, *lead)
    return table


def _differences_table(comparison: Comparison) -> "Table":
    columns = ("", "baseline", "difference", "95% interval", "p", "wins", "ties", "losses")
    table = figures_table("Against the baseline", *columns)
    for name, found in comparison.differences.items():
        table.add_row(
            SCORE_NAMES[name],
            f"{comparison.scores[name].value:.2f}",
            f"{found.difference:+.2f}",
            f"{found.low:+.2f} to {found.high:+.2f}",
            f"{found.p_value:.2g}",
            *map(str, (found.wins, found.ties, found.losses)),
        )
    return table


def _checks_table(checks: "Checks") -> "Table":
    sets = {"summaries": checks.predictions, "baseline": checks.baseline, "references": checks.references}
    shown = {name: found for name, found in sets.items() if found is not None}
    table = figures_table("Beyond overlap", "", *shown)
    for name, *cells in zip(*[_check_cells(found) for found in shown.values()], strict=True):
        table.add_row(name[0], *(cell for _, cell in (name, *cells)))
    if checks.unended is not None:
        table.add_row("without an end token", str(len(checks.unended)))
    if checks.looped is not None:
        table.add_row("that ended in a loop", str(len(checks.looped)))
    return table


def _check_cells(checks: "TextChecks") -> list[tuple[str, str]]:
    """Return the names and the values of the rows of one set of summaries."""
    cells = [
        ("empty", str(len(checks.empty))),
        ("length, against the references", f"{checks.length_ratio:.2f}"),
        ("repeated three-word sequences", f"{checks.repeated_trigrams:.1%}"),
    ]
    if checks.coverage is not None and checks.density is not None:
        cells.append(("words copied from the dialogue", f"{checks.coverage:.1%}"))
        cells.append(("words in a copied piece (density)", f"{checks.density:.2f}"))
    if checks.facts is not None:
        for kind, name in _KIND_NAMES.items():
            count = f"{checks.facts.count(kind)} of {checks.facts.found[kind]}"
            cells.append((f"{name} that the dialogue does not hold", count))
        cells.append(("numbers and dates not judged", str(checks.facts.not_judged)))
    return cells


def _listed_facts(checks: "Checks") -> list[str]:
    """Return the summaries' first unsupported facts, a line a dialogue."""
    facts = checks.predictions.facts
    if facts is None or not facts.unsupported:
        return []
    by_dialogue: dict[str, list[str]] = {}
    for fact in facts.unsupported:
        by_dialogue.setdefault(fact.fname, []).append(fact.text)
    lines = [f"  {name}: {', '.join(texts)}" for name, texts in by_dialogue.items()]
    more = len(lines) - MOST_FACTS
    rest = [f"  and in {more} more dialogues; --json lists all"] if more > 0 else []
    return ["Not in the dialogue:", *lines[:MOST_FACTS], *rest]
