"""What all parts of a search know."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...config.schema import Config
from ...config.search import SearchSettings
from ...errors import YoyakError
from .set_aside import SearchData

if TYPE_CHECKING:
    from rich.console import Console

    from ...search.clock import SearchClock
    from ...search.costs import Machine, RefineUnits, Units
    from ...search.space import Space
    from ...search.study import SearchStudy


@dataclass
class Search:
    """A search under way.

    Attributes:
        units: work of the config as it is.
        settings: `config.search`, without pauses where they have been found to cost too much.
    """

    config: Config
    folder: Path
    data: SearchData
    space: "Space"
    machine: "Machine"
    units: "Units"
    study: "SearchStudy"
    clock: "SearchClock"
    console: "Console"
    settings: SearchSettings = field(init=False)
    _refine_units: "RefineUnits | YoyakError | None" = None

    def __post_init__(self) -> None:
        """Take the settings as they are known to be."""
        self.settings = self.config.search
        self.heed_decisions()

    def decide_pauses(self, each_seconds: float, trial_seconds: float) -> None:
        """Leave the pauses out where they cost too much of a trial; all workers heed that."""
        cost = len(self.settings.pauses) * each_seconds
        self.study.decide("pauses", cost <= self.settings.pauses_share * trial_seconds)
        self.heed_decisions()

    def heed_decisions(self) -> None:
        """Leave the pauses out where that was decided."""
        if not self.study.decided("pauses", True):
            self.settings = self.config.search.model_copy(update={"pauses": []})

    def refine_units(self) -> "RefineUnits":
        """Return the work of a step of refining, counted once; raise YoyakError where the model can't be refined."""
        if self._refine_units is None:
            try:
                self._refine_units = self.machine.refining(self.config)
            except YoyakError as error:
                self._refine_units = error
        if isinstance(self._refine_units, YoyakError):
            raise self._refine_units
        return self._refine_units
