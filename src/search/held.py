"""The seconds of a deadline that are held for what is added to the winner: averages, refining, several together."""

import math
from dataclasses import dataclass

from ..config.schema import Config, GenerationSettings
from .costs import RefineUnits, Units, drawn_summaries
from .pace import Pace

BEAMS = 4
"""With which the winner is tried: a usual number for summaries."""
BEAMS_WORK = 2.2
"""Of a greedy token: 2.1 on an H200, 1.9 on two cores (docs/generation.md)."""

SLACK = 1.05
"""Of what is foreseen."""


def never_tried(config: Config) -> dict[str, str]:
    """Return the additions of which a search's settings alone leave nothing to try, each with why."""
    search, generation = config.search, config.generation
    most, limit = min((search.keep_models, "keep_models"), (search.trials or search.keep_models, "trials"))
    may_change = {"average", "refine"} & {*search.additions}  # so that what the winner was before is one more model
    drawn = any(name.startswith("generation.") for name in search.space)  # a trial may be greedy, or not
    found = {}
    if most == 1 and not config.lora.use_lora:  # of adapters an earlier checkpoint is kept
        found["average"] = f"there is no other model to average with; set search.{limit}=2 or more"
    if not is_greedy(generation) and not drawn:
        found["beams"] = "the config has beams, samples or MBR of its own"
    if most + bool(may_change) < 3:
        found["mbr"] = f"it takes three models to choose among; set search.{limit}=3 or more"
    return {kind: why for kind, why in found.items() if kind in search.additions}


def is_greedy(generation: GenerationSettings) -> bool:
    """Tell whether the most likely token is taken each time, and nothing else is tried."""
    return drawn_summaries(generation) == 1 and not generation.do_sample


@dataclass(frozen=True)
class AdditionCosts:
    """What additions take at a pace.

    Attributes:
        config: the search's.
        pace: of the machine.
        units: work of the config as it is.
        refining: work of a step of refining; None where the model can't be refined.
        dev: dialogues that are chosen on.
        test: dialogues that the winner is reported on.
    """

    config: Config
    pace: Pace
    units: Units
    refining: RefineUnits | None
    dev: int
    test: int

    def average(self) -> float:
        """Return the seconds of an average's score."""
        return SLACK * self._summaries(self.dev)

    @property
    def tries_beams(self) -> bool:
        """Tell whether beams are wanted, and the config's own summaries are greedy."""
        return is_greedy(self.config.generation) and "beams" in self.config.search.additions

    @property
    def beams_if_tried(self) -> float:
        """Return the seconds that what comes before beams must leave for them; 0 where they are not tried."""
        return self.beams() if self.tries_beams else 0.0

    def beams(self) -> float:
        """Return the seconds of the dialogues' summaries by beams, and what the end takes longer by them."""
        return SLACK * (self.pace.begin + self.dev * self.pace.summary(self.units, BEAMS_WORK)) + self.beams_at_end()

    def beams_at_end(self) -> float:
        """Return the seconds that the end's summaries by beams take longer than greedy ones."""
        return SLACK * self.test * (self.pace.summary(self.units, BEAMS_WORK) - self.pace.summary(self.units))

    def together(self, models: int) -> float:
        """Return the seconds of so many models' summaries of the dialogues at the end."""
        return SLACK * models * self._summaries(self.test)

    def refine(self, steps: int) -> float:
        """Return the seconds of a refining of so many steps, with its evaluations and the score of its model."""
        assert self.refining is not None
        dev = self.dev * self.pace.summary(self.units)
        evaluations = 1 + math.ceil(steps / self.config.refine.eval_steps)
        step = self.pace.refine_step(self.refining)
        return SLACK * (2 * self.pace.begin + (evaluations + 1) * dev + steps * step)

    def held(self, deadline_seconds: float) -> float:
        """Return the seconds that are held for all of them: what they take, at most `search.additions_share`.

        A refining of which not even the steps to its first evaluation fit there is left out.
        """
        search, refine = self.config.search, self.config.refine
        most = search.additions_share * deadline_seconds
        others = min(search.keep_models, search.trials or search.keep_models) - 1
        held = 0.0
        if others and "average" in search.additions:
            held += self.average()
        held += self.beams_if_tried
        if others > 1 and "mbr" in search.additions:
            held += self.together(others)
        if self.refining is not None and "refine" in search.additions:
            room = most - held
            held += (
                min(self.refine(refine.steps), room) if self.refine(min(refine.eval_steps, refine.steps)) <= room else 0
            )
        return min(held, most)

    def _summaries(self, dialogues: int) -> float:
        return self.pace.begin + dialogues * self.pace.summary(self.units)
