"""`yoyak evaluate --predictions P --references R`: scores of summaries in files; no model is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..config.loader import load_config
from ..config.unread import OF_ROWS, refuse_unread
from ..errors import YoyakError, nearest
from .console import create_console

if TYPE_CHECKING:
    from ..evaluation.rouge import Multi
    from ..evaluation.tokenizations import Tokenization

_READ = [name for name in OF_ROWS if name not in ("data.topic_column", "data.on_bad_rows")]
_ANY_CONFIG = "smollm2_135m"  # only its data section counts


@dataclass(frozen=True)
class FilesRequest:
    """The files to score; columns that are None have their usual names, `overrides` are settings of `data`."""

    predictions: Path | None
    references: Path | None
    baseline: Path | None = None
    dialogues: Path | None = None
    column: str | None = None
    baseline_column: str | None = None
    reference_column: str | None = None
    by_row: bool = False
    overrides: Sequence[str] = ()


def evaluate_files(
    files: FilesRequest, tokenization: str, stemmer: bool, multi: str, facts: bool, as_json: bool
) -> None:
    """Score a file of summaries against a file of references, joined by their ids, and print what was found."""
    from ..evaluation.result import score_report
    from ..evaluation.rouge import MULTI
    from ..evaluation.summary_files import join_files
    from ..evaluation.tokenizations import TOKENIZATIONS
    from .show_evaluation import print_evaluation

    if files.predictions is None:
        raise YoyakError("name both files: --predictions FILE --references FILE")
    for option, value, known in (("--tokenization", tokenization, TOKENIZATIONS), ("--multi", multi, MULTI)):
        if value not in known:
            hint = nearest(value, list(known))
            raise YoyakError(f"{option} '{value}' is unknown; choose {', '.join(known)}{hint}")
    refuse_unread(files.overrides, "evaluate --predictions", _READ, of="data.")
    joined = join_files(
        str(files.predictions),
        _text(files.references),
        _text(files.baseline),
        _text(files.dialogues),
        files.column,
        files.baseline_column,
        files.reference_column,
        files.by_row,
        load_config(_ANY_CONFIG, list(files.overrides)).data if files.overrides else None,
    )
    console = create_console(stderr=True)
    for note in joined.notes:
        console.print(note, style="yellow")
    if joined.by_row:
        console.print("No ids in common: joined row by row.", style="yellow")
    result = score_report(
        joined.ids,
        joined.predictions,
        joined.references,
        cast("Tokenization", tokenization),
        stemmer,
        cast("Multi", multi),
        baseline=joined.baseline,
        dialogues=joined.dialogues,
        ended=joined.ended,
        looped=joined.looped,
        facts=facts,
    )
    print_evaluation(result, as_json)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
