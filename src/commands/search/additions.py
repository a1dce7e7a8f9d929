"""What is tried on the winner when no further trial can end in time: averages, refining, beams, a choice of summaries.

Each is measured on the evaluation dialogues and stays where its score is higher there; beams and a choice among
several models, which cost as many times the work at each use, where it is so by more than its standard error. What was
found is in `additions.json` from the moment it is known, by what it was made of, so a search that goes on makes nothing
twice.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...bilingual import halves
from ...errors import YoyakError
from ...evaluation.significance import bootstrap_interval, paired_difference
from ...files import write_atomic
from ...inference.mbr import choose_ended_by_mbr
from ...search.choice import stands_out
from ...search.folder import trial_name
from ...search.held import AdditionCosts
from .beams import name_after_folder, with_beams
from .context import Search
from .loop import best_first
from .measured import TrialSummaries, dev_summaries, scores_of
from .reasons import too_late, with_half
from .seconds import addition_costs, end_seconds
from .trial import EARLIER, FINAL, TrialScores, read_scores

FOLDER, RECORD = "added", "additions.json"
"""In the search's folder: averaged and refined models, and what was found of all additions."""


@dataclass
class Winner:
    """What stands as the best model while additions are tried on it.

    Attributes:
        trial: the number of the chosen one.
        label: what it is made of, such as `3`, `average_3_5`, `refined_3` or `beams_3`.
        model: the folder of its run.
        scores: of the evaluation dialogues' summaries.
        together: folders of models whose summaries are chosen among, where that stands out.
        additions: what was tried, in order, as `search.json` holds it.
    """

    trial: int
    label: str
    model: Path
    scores: TrialScores
    together: list[Path] = field(default_factory=list)
    additions: list[dict[str, Any]] = field(default_factory=list)


def add_to_winner(search: Search, chosen: int, stopped: bool) -> Winner:
    """Try the additions on the chosen trial; return what stands in the end.

    Where the search was `stopped` nothing new is begun, and what an earlier process found counts.
    """
    run, wanted = search.folder / trial_name(chosen), search.config.search.additions
    winner = Winner(chosen, str(chosen), run, read_scores(run))
    nexts = _next_best(search, chosen)
    tries = Tries(search, winner, stopped)
    if "average" in wanted:
        _try_averages(tries, nexts)
    if "refine" in wanted:
        _try_refining(tries)
    greedy = winner.model
    if tries.costs.tries_beams:
        _try_beams(tries)
    elif "beams" in wanted:
        tries.left_out("beams", f"beams_{winner.label}", "the winner has beams, samples or MBR of its own")
    if not (winner.model / FINAL).is_dir():  # dropped at an earlier end, at which another trial was the winner
        gone = halves("reason", with_half(f"{winner.model.relative_to(search.folder)} is no longer there"))
        lines = [line | {"kept": False, **gone} if line["kept"] else line for line in winner.additions]
        return Winner(chosen, str(chosen), run, read_scores(run), additions=lines)
    if "mbr" in wanted:
        _try_together(tries, [greedy, run, *nexts])  # without beams, which take several times the work
    return winner


def _next_best(search: Search, chosen: int) -> list[Path]:
    """Return the runs of the best finished trials but the chosen one: all of them have their models yet."""
    best = [trial.number for trial in best_first(search) if trial.number != chosen]
    return [search.folder / trial_name(number) for number in best[: search.config.search.keep_models - 1]]


def known_additions(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what has been found of the additions in a search's folder, by what each was made of."""
    path = folder / RECORD
    found: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found


class Tries:
    """Tries one addition after another, in the time that is left."""

    def __init__(self, search: Search, winner: Winner, stopped: bool) -> None:
        self.search, self.winner, self.stopped = search, winner, stopped
        self.known = known_additions(search.folder)

    @property
    def costs(self) -> AdditionCosts:
        """Return what additions to this winner take."""
        return addition_costs(self.search, self.winner.trial)

    def tried(
        self,
        kind: str,
        label: str,
        foreseen: float,
        make: Callable[[], TrialScores],
        needs: Sequence[Path],
        for_beams: float = 0.0,
    ) -> TrialScores | None:
        """Make and measure an addition unless it is known; return its scores where it stays.

        One that would end too late, or can't be made, is kept with the reason. It is left out where models that it
        `needs` are gone. It must leave `for_beams` seconds.
        """
        line = self.known.get(label)
        if line is None or line["scores"] is None:
            if gone := next((model for model in needs if not model.is_dir()), None):
                self.left_out(kind, label, f"{gone.relative_to(self.search.folder)} is no longer there")
                return None
            if self.stopped:
                return None
            line = self._made(kind, foreseen, make, for_beams)
            self.known[label] = line
            write_atomic(
                self.search.folder / RECORD, json.dumps(self.known, ensure_ascii=False, indent=1), durable=True
            )
        shown = self._show(label, line)
        if line["scores"] is None:
            return None
        before, now = self.winner.scores, TrialScores(line["scores"], line["unsupported_facts"])
        shown["gain"] = paired_difference(now.scores, before.scores).as_dict()
        most = self.search.config.search.most_unsupported_facts
        allowed = most is None or now.unsupported_facts <= max(most, before.unsupported_facts)
        costs_at_use = kind in ("beams", "mbr")
        better = stands_out(now.scores, before.scores) if costs_at_use else shown["gain"]["difference"] > 0
        shown["kept"] = allowed and better
        return now if shown["kept"] else None

    def left_out(self, kind: str, label: str, why: str) -> None:
        """Show that an addition is not tried; nothing is kept of it, so that the next start looks again."""
        if not self.stopped:
            self._show(label, self._untried(kind, 0.0) | halves("reason", with_half(why)))

    def _show(self, label: str, line: dict[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in line.items() if name != "scores"} | {"label": label, "kept": False}
        self.winner.additions.append(shown)
        return shown

    def _untried(self, kind: str, foreseen: float) -> dict[str, Any]:
        return {"kind": kind, "foreseen": foreseen, "seconds": None, "reason": None, "score": None, "scores": None}

    def _made(self, kind: str, foreseen: float, make: Callable[[], TrialScores], for_beams: float) -> dict[str, Any]:
        line = self._untried(kind, foreseen)
        left = self.search.clock.left - end_seconds(self.search) - for_beams
        if foreseen > left:
            return line | halves("reason", too_late(foreseen, left, for_beams))
        began = time.perf_counter()
        try:
            found = make()
        except YoyakError as error:
            return line | {"seconds": time.perf_counter() - began, **halves("reason", with_half(str(error)))}
        low, high = bootstrap_interval(found.scores)
        score = sum(found.scores) / len(found.scores)
        known = {"score": score, "low": low, "high": high, "unsupported_facts": found.unsupported_facts}
        return line | known | {"scores": found.scores, "seconds": time.perf_counter() - began}

    def measured(self, model: Path) -> TrialScores:
        """Return the scores of a model's summaries of the evaluation dialogues."""
        return scores_of(self.search, dev_summaries(self.search, model).summaries, self.search.data.dev)


def _try_averages(tries: Tries, nexts: list[Path]) -> None:
    """Average the winner's weights with those of its earlier checkpoint and of the next best trials, one at a time.

    Each stays only where the average with it is better ("greedy soup", Wortsman et al., "Model soups", 2022). Those
    after the first one leave the time for beams, so that these are tried before a third model is.
    """
    from ...export.averaged import average_models

    search, winner = tries.search, tries.winner
    label, parts = f"average_{winner.label}", [winner.model / FINAL]
    earlier = sorted((winner.model / EARLIER).glob("*"), key=lambda path: int(path.name))
    further = [(f"{winner.label}-{path.name}", path) for path in earlier[::-1]]
    further += [(_label(run), run / FINAL) for run in nexts]
    if not further:
        tries.left_out("average", label, "there is no other model to average with")
    for name, model in further:
        tried, sources = f"{label}_{name}", [*parts, model]
        place = search.folder / FOLDER / tried

        def make(place: Path = place, sources: list[Path] = sources) -> TrialScores:
            average_models(sources, place / FINAL)
            name_after_folder(place / FINAL)
            return tries.measured(place)

        costs = tries.costs
        for_beams = costs.beams_if_tried if winner.additions else 0.0
        if scores := tries.tried("average", tried, costs.average(), make, sources, for_beams):
            label, parts = tried, sources
            winner.label, winner.model, winner.scores = label, place, scores


def _try_refining(tries: Tries) -> None:
    """Refine the winner in the time that is left but for beams."""
    from .refining import refine_in_time

    search, winner = tries.search, tries.winner
    label, start, refine = f"refined_{winner.label}", winner.model / FINAL, search.config.refine
    costs = tries.costs
    least = costs.refine(min(refine.eval_steps, refine.steps)) if costs.refining else 0.0

    def make() -> TrialScores:
        search.refine_units()  # raises where there is no refining
        refine_in_time(search, start, label, costs)
        return tries.measured(search.folder / FOLDER / label)

    for_beams = costs.beams_if_tried if costs.refining else 0.0  # what can't be made takes no time from them
    if scores := tries.tried("refine", label, least, make, [start], for_beams):
        winner.label, winner.model, winner.scores = label, search.folder / FOLDER / label, scores


def _try_beams(tries: Tries) -> None:
    """Let the winner find its summaries with beams."""
    search, winner = tries.search, tries.winner
    label, start = f"beams_{winner.label}", winner.model / FINAL
    place = search.folder / FOLDER / label

    def make() -> TrialScores:
        with_beams(start, place / FINAL)
        return tries.measured(place)

    if scores := tries.tried("beams", label, tries.costs.beams(), make, [start]):
        winner.label, winner.model, winner.scores = label, place, scores


def _try_together(tries: Tries, runs: list[Path]) -> None:
    """Choose among the greedy summaries of the winner, what it was before the additions, and the next best trials."""
    search, winner = tries.search, tries.winner
    models = list(dict.fromkeys(runs))[: max(search.config.search.keep_models, 3)]
    label = "_".join(["together", *map(_label, models)])
    if len(models) < 3:
        tries.left_out("mbr", label, "of fewer than three models none is closer to the others")
        return

    def make() -> TrialScores:
        written = [dev_summaries(search, model) for model in models]
        return scores_of(search, chosen_among(search, written), search.data.dev)

    costs = tries.costs
    needed = costs.together(len(models) - 1) + (costs.beams_at_end() if winner.model != models[0] else 0.0)
    if tries.tried("mbr", label, needed, make, [model / FINAL for model in models]):
        winner.together = models


def chosen_among(search: Search, written: Sequence[TrialSummaries]) -> list[str]:
    """Return of each dialogue's summaries, by model, the one that is closest to the others; of a cut one see mbr.py."""
    how, metric = search.config.evaluation, search.config.generation.mbr_metric
    candidates = list(zip(*(one.summaries for one in written), strict=True))
    ended = list(zip(*(one.ended for one in written), strict=True))
    places = choose_ended_by_mbr(candidates, ended, metric, how.tokenization, how.stemmer)
    return [of_one[place] for of_one, place in zip(candidates, places, strict=True)]


def _label(model: Path) -> str:
    return str(int(model.name.removeprefix("trial_"))) if model.name.startswith("trial_") else model.name
