"""What all parts of a search know."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...config.schema import Config
from .set_aside import SearchData

if TYPE_CHECKING:
    from rich.console import Console

    from ...search.clock import SearchClock
    from ...search.costs import Machine, Units
    from ...search.space import Space
    from ...search.study import SearchStudy


@dataclass
class Search:
    """A search under way; `units` is the work of the config as it is."""

    config: Config
    folder: Path
    data: SearchData
    space: "Space"
    machine: "Machine"
    units: "Units"
    study: "SearchStudy"
    clock: "SearchClock"
    console: "Console"
