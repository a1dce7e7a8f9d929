"""Which runs are under way on this machine, whoever has started them."""

from ..search.under_way import worked_on
from .place import Place
from .processes import Processes

_KINDS = ("train", "search")


def runs_under_way(place: Place, processes: Processes) -> list[str]:
    """Return the names of runs that a process of this machine works on, or that the studio has just started."""
    begun = [started.about for started in processes.running(*_KINDS)]
    return list(dict.fromkeys([*worked_on(place.runs), *begun]))


def is_taken(place: Place, processes: Processes) -> bool:
    """Tell whether the queue has to wait: a run is under way, or the machine is being measured, a minute at most."""
    return bool(runs_under_way(place, processes) or processes.running("calibrate"))
