"""The base model's summaries of a run under way, which a run that goes on does not make again."""

import hashlib
import json
from typing import TYPE_CHECKING

from ...config.located import located
from ...files import write_atomic
from .folder import RunContext

if TYPE_CHECKING:
    from ...data.files.sources import DialogueTable
    from ...inference.scored import Evaluation

ZERO_SHOT = "zero_shot.json"
"""In the folder of a run under way."""
_OTHERS = ("reasoning_removed", "mbr_temperature", "looped")


def keep_zero_shot(run: RunContext, table: "DialogueTable", by: str, result: "Evaluation") -> None:
    """Write the base model's summaries to the run's folder; `by` is the hash of what made them."""
    content: dict[str, object] = {"of": _digest(table), "by": by, "summaries": result.summaries, "ended": result.ended}
    content |= {name: getattr(result, name) for name in _OTHERS}
    write_atomic(run.folder / ZERO_SHOT, json.dumps(content, ensure_ascii=False))


def kept_zero_shot(run: RunContext, table: "DialogueTable", by: str) -> "Evaluation | None":
    """Return what `keep_zero_shot` wrote, where the run goes on with settings and model of then; otherwise None."""
    from ...evaluation.rouge import score_summaries
    from ...inference.scored import Evaluation

    record = run.earlier.record if run.earlier else None
    if record is None or record.config != located(run.config).model_dump():
        return None
    try:
        kept = json.loads((run.folder / ZERO_SHOT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if kept["of"] != _digest(table) or kept.get("by") != by or "ended" not in kept:  # a version kept their count only
        return None
    how = run.config.evaluation
    references = [row.summary for row in table.rows]
    scores = score_summaries(kept["summaries"], references, how.tokenization, how.stemmer)
    others = {name: kept[name] for name in _OTHERS if name in kept}  # older versions knew fewer
    return Evaluation(kept["summaries"], scores, kept["ended"], **others)


def _digest(table: "DialogueTable") -> str:
    return hashlib.sha256(json.dumps([row.dialogue for row in table.rows]).encode()).hexdigest()
