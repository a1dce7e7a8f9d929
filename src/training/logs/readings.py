"""What a run holds and how hard its machine works, read at each log: memory, load and heat."""

import logging
import math
import time
from collections.abc import Callable
from typing import Any

import psutil
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ...ranks.group import gathered
from ...ranks.launcher import usable_cores

_SENSOR_SECONDS = 2.0  # a card's sensors hardly change faster, and asking them takes up to a millisecond


class Readings:
    """Reads the card that this process trains on or, without one, the process itself.

    What a card's allocator holds is known to torch; its load and heat come through NVML (nvidia-ml-py), or amdsmi.
    Where these can't be asked, the log says so once and the others go on.
    """

    def __init__(self, device: torch.device) -> None:
        """Begin to count what the processor does."""
        self._card = device if device.type == "cuda" else None
        self._process = psutil.Process()
        self._since = (time.perf_counter(), time.process_time())
        self._asked = -math.inf
        self._sensors: dict[str, Callable[[torch.device], int]] = {
            "gpu_busy_percent": torch.cuda.utilization,
            "gpu_celsius": torch.cuda.temperature,
        }

    def read(self) -> dict[str, float]:
        """Return the figures of now, by their names in `metrics.jsonl`; a card's sensors at most every two seconds."""
        if self._card is None:
            return self._of_process()
        return {"gpu_memory_bytes": torch.cuda.memory_reserved(self._card), **self._sensed(self._card)}

    def _of_process(self) -> dict[str, float]:
        wall, busy = self._since
        self._since = now, used = time.perf_counter(), time.process_time()
        share = (used - busy) / max(now - wall, 1e-9) / usable_cores()
        return {"resident_bytes": self._process.memory_info().rss, "processor_busy_percent": round(100 * share, 1)}

    def _sensed(self, card: torch.device) -> dict[str, float]:
        now = time.monotonic()
        if now - self._asked < _SENSOR_SECONDS:
            return {}
        self._asked = now
        found: dict[str, float] = {}
        for name, ask in list(self._sensors.items()):
            try:
                found[name] = ask(card)
            except Exception as error:  # each driver fails in its own way, and a run outlives its thermometer
                del self._sensors[name]
                logging.getLogger("yoyak").info("The run goes on without the curve of %s: %s", name, error)
        return found


class RankReadings(TrainerCallback):
    """Reads on every rank at each log of a loss; `newest` has all ranks' figures, for the one that writes."""

    def __init__(self, device: torch.device) -> None:
        self.newest: dict[str, float] = {}
        self._device, self._readings = device, Readings(device)

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Leave out what the processor did before."""
        self._readings = Readings(self._device)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Read; those of another rank have its number behind the name."""
        if "loss" in (kwargs.get("logs") or {}):
            self.newest, *others = gathered(self._readings.read())
            for rank, its in enumerate(others, 1):
                self.newest |= {f"{name}_rank{rank}": value for name, value in its.items()}
