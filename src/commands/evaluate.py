"""`yoyak evaluate`: scores of summaries in files, or of a model."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.schema import DataSettings
from ..errors import YoyakError
from .console import create_console

if TYPE_CHECKING:
    from ..evaluation.rouge import RougeScores


def evaluate_files(
    predictions: Path | None, references: Path | None, tokenization: str, stemmer: bool, as_json: bool
) -> None:
    """Score the column `summary` of one file against another's, joined on `fname`; no model is loaded."""
    from ..evaluation.rouge import score_summaries

    if predictions is None or references is None:
        raise YoyakError("name both files: --predictions FILE --references FILE")
    predicted, expected = _summaries(predictions), _summaries(references)
    missing, extra = expected.keys() - predicted.keys(), predicted.keys() - expected.keys()
    for kind, ids, where in (
        ("without a prediction", missing, references),
        ("without a reference", extra, predictions),
    ):
        if ids:
            raise YoyakError(f"{where}: {len(ids)} ids {kind}, such as {min(ids)}; both files need the same fname")
    scores = score_summaries([predicted[name] for name in expected], list(expected.values()), tokenization, stemmer)  # type: ignore[arg-type]
    _show(scores, as_json)


def _summaries(path: Path) -> dict[str, str]:
    """Return summaries by id; the file needs no dialogues."""
    from ..data.sources import load_dialogues

    settings = DataSettings(dialogue_column="summary")
    return {row.fname: row.dialogue for row in load_dialogues(str(path), settings, need_summary=False).rows}


def evaluate_experiment(
    experiment: str | None,
    adapter: str | None,
    overrides: list[str],
    tokenization: str | None,
    stemmer: bool | None,
    as_json: bool,
) -> None:
    """Generate summaries of `data.eval` with a model and score them."""
    from ..data.sources import load_dialogues
    from ..evaluation.evaluator import evaluate_model
    from .model import load_for_use
    from .show import progress

    if tokenization is not None:
        overrides = [*overrides, f"evaluation.tokenization={tokenization}"]
    if stemmer is not None:
        overrides = [*overrides, f"evaluation.stemmer={str(stemmer).lower()}"]
    console = create_console(stderr=True)
    loaded = load_for_use(experiment, adapter, overrides, console)
    table = load_dialogues(loaded.config.data.eval, loaded.config.data)
    rows = table.rows[: loaded.config.data.max_eval_examples]
    with progress(console, "Summarizing", len(rows)) if not as_json else nullcontext(lambda _: None) as advance:
        result = evaluate_model(loaded.model, loaded.tokenizer, loaded.prompt, rows, loaded.config, advance)
    _show(result.scores, as_json)


def _show(scores: "RougeScores", as_json: bool) -> None:
    if as_json:
        print(json.dumps({"scores": scores.as_dict()}, ensure_ascii=False))
    else:
        create_console().print(str(scores), markup=False)
