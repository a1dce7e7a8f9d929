"""Whose fault it is that a trial's memory ran out: its settings', or that of others who hold the card."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class MemoryShortage:
    """What a trial was to take of a device's memory when that ran out.

    Attributes:
        device: its name.
        total_bytes: that it has.
        free_bytes: that the trial's process could have, those that it had taken among them.
        planned_bytes: that the planner had foreseen for the trial.
    """

    device: str
    total_bytes: int
    free_bytes: int
    planned_bytes: int

    @property
    def is_of_others(self) -> bool:
        """Tell whether others hold what the trial was to take: it fits the device, but not what was free of it."""
        return self.free_bytes < self.planned_bytes <= self.total_bytes

    def as_json(self) -> dict[str, Any]:
        """Return the figures."""
        return asdict(self)

    def __str__(self) -> str:
        """Return device and figures as lines name them."""
        free, total, planned = (f"{n / 1e9:.1f}" for n in (self.free_bytes, self.total_bytes, self.planned_bytes))
        return f"{self.device}: {free} of {total} GB free, {planned} planned"
