"""What an earlier end of the same search had kept, which stays where it is better than what stands now."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...bilingual import halves
from ...search.choice import stands_out
from ...search.folder import SEARCH_RECORD, trial_name
from .additions import FOLDER, Winner, known_additions
from .context import Search
from .reasons import with_half
from .trial import FINAL, TrialScores, has_scores


def what_stands(search: Search, winner: Winner) -> tuple[Winner, dict[str, Any] | None]:
    """Return what stands in the end, `winner` or what an earlier end had kept of additions, and what to say of that.

    More time never ends in a worse model: a trial that wins later may be below an earlier one with what was added to
    it. None where there was nothing else; what an end before that has said is said again.
    """
    before = _record_of(search.folder)
    kept = [line for line in before.get("additions", []) if line["kept"] and line["kind"] != "mbr"]
    model = search.folder / FOLDER / kept[-1]["label"] if kept else winner.model
    if model == winner.model:
        return winner, before.get("earlier")
    label, known = kept[-1]["label"], known_additions(search.folder)
    said = {"label": label, "trial": before["chosen"], "score": kept[-1]["score"], "instead": winner.trial}
    if reason := _obstacle(search, winner, model, before["chosen"], kept, known.get(label)):
        return winner, said | {"stands": False, **halves("reason", with_half(reason))}
    together = [Path(one) for one in before.get("together", [])]
    if not together or not all((one / FINAL).is_dir() for one in together):
        together = []
    kept += [line for line in before["additions"] if line["kept"] and line["kind"] == "mbr" and together]
    now = [line | {"kept": False} for line in winner.additions if line["label"] not in {one["label"] for one in kept}]
    scores = TrialScores(known[label]["scores"], known[label]["unsupported_facts"])
    return Winner(before["chosen"], label, model, scores, together, [*kept, *now]), said | {"stands": True}


def _record_of(folder: Path) -> dict[str, Any]:
    """Return what `search.json` says of the end before; nothing where there is none that can be read."""
    with suppress(OSError, ValueError):
        found = json.loads((folder / SEARCH_RECORD).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def _obstacle(
    search: Search, winner: Winner, model: Path, trial: int, kept: list[dict[str, Any]], known: dict[str, Any] | None
) -> str | None:
    """Return why what was kept earlier does not stand any more, or None."""
    settings = search.config.search
    others = [line["kind"] for line in kept if line["kind"] not in settings.additions]
    if others:
        return f"search.additions leaves {others[0]} out"
    if known is None or known["scores"] is None or not (model / FINAL).is_dir():
        return f"{model.relative_to(search.folder)} is no longer there"
    if not has_scores(search.folder / trial_name(trial)):
        return f"{trial_name(trial)} is no longer there"
    most, facts = settings.most_unsupported_facts, known["unsupported_facts"]
    if most is not None and facts > max(most, winner.scores.unsupported_facts):
        return f"it has {facts:.2f} unsupported facts a summary, and {most:g} are allowed"
    with_beams = [any(line["kept"] and line["kind"] == "beams" for line in lines) for lines in (kept, winner.additions)]
    scores, now = known["scores"], winner.scores.scores
    better = stands_out(scores, now) if with_beams == [True, False] else sum(scores) > sum(now)
    return None if better else f"what stands now scores {sum(now) / len(now):.2f}"
