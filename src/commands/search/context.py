"""What all parts of a search know."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...config.schema import Config
from .set_aside import SearchData

if TYPE_CHECKING:
    from rich.console import Console

    from ...search.clock import SearchClock
    from ...search.costs import Machine
    from ...search.space import Space
    from ...search.study import SearchStudy


@dataclass
class Search:
    """A search under way."""

    config: Config
    folder: Path
    data: SearchData
    space: "Space"
    machine: "Machine"
    study: "SearchStudy"
    clock: "SearchClock"
    console: "Console"
