"""A run's curves, read as its file grows: whole lines only, each once, however many pages look."""

import json
import math
import os
import threading
from array import array
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

MOST_POINTS = 2000
"""That a page gets of a curve at once; of more, the lowest and the highest of each part."""
_CACHED_FILES = 8
_REMEMBERED_BYTES = 256
_READ_AT_A_TIME = 1 << 24
_LEFT_OUT = ("step", "epoch")
Points = tuple[list[float], list[float | None]]


class Curve:
    """Values over optimizer steps; where a run went on, a step that comes again replaces what was behind it."""

    def __init__(self) -> None:
        self.steps, self.values = array("d"), array("d")

    def add(self, step: float, value: float) -> bool:
        """Append a point; tell whether others went for it."""
        before = len(self.steps)
        while self.steps and self.steps[-1] >= step:
            self.steps.pop()
            self.values.pop()
        self.steps.append(step)
        self.values.append(value)
        return len(self.steps) <= before

    def points(self, since: int = 0) -> Points:
        """Return the points from the `since`-th on, without figures that JSON can't hold."""
        values = [value if math.isfinite(value) else None for value in self.values[since:]]
        return list(self.steps[since:]), values

    def decimated(self, most: int = MOST_POINTS) -> Points:
        """Return at most `most` points: the lowest and the highest of each part, in order, and the last one."""
        count = len(self.steps)
        if count <= most:
            return self.points()
        parts = most // 2 - 1
        kept: set[int] = {0, count - 1}
        for part in range(parts):
            span = range(part * count // parts, (part + 1) * count // parts)
            finite = [place for place in span if math.isfinite(self.values[place])]
            if finite:
                kept |= {min(finite, key=self.values.__getitem__), max(finite, key=self.values.__getitem__)}
        steps, values = self.points()
        chosen = sorted(kept)
        return [steps[place] for place in chosen], [values[place] for place in chosen]


class MetricsFollower:
    """The curves of a `metrics.jsonl`; `generation` changes where points went, and pages need all of them anew.

    What was read last is remembered: a file that a run cut off to go on, or another run's under the same number, may
    have grown beyond what was read before anyone looks.
    """

    def __init__(self, path: Path) -> None:
        """Follow `path`, which need not be there yet."""
        self._path, self._lock = path, threading.Lock()
        self._offset, self._identity, self._end = 0, (-1, -1), b""
        self.generation = 0
        self.curves: dict[str, Curve] = {}

    @property
    def step(self) -> int | None:
        """Return the latest step of all curves; None before one is logged."""
        latest = [curve.steps[-1] for curve in list(self.curves.values()) if curve.steps]
        return int(max(latest)) if latest else None

    def read(self) -> None:
        """Take in what was written since the last call."""
        with self._lock, suppress(OSError), open(self._path, "rb") as file:
            found = os.fstat(file.fileno())
            if (found.st_dev, found.st_ino) != self._identity or not self._goes_on(file):
                self._identity, self._offset, self._end = (found.st_dev, found.st_ino), 0, b""
                self.curves, self.generation = {}, self.generation + 1
            file.seek(self._offset)
            while chunk := file.read(_READ_AT_A_TIME):
                whole, newline, _ = chunk.rpartition(b"\n")
                if not newline:
                    break
                self._offset += len(whole) + 1
                self._end = whole[-_REMEMBERED_BYTES:] + newline
                file.seek(self._offset)
                for line in whole.split(b"\n"):
                    self._add(line)

    def _goes_on(self, file: BinaryIO) -> bool:
        """Tell whether what was read last is still there."""
        file.seek(self._offset - len(self._end))
        return file.read(len(self._end)) == self._end

    def _add(self, line: bytes) -> None:
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            return
        step = content.get("step") if isinstance(content, dict) else None
        if step is None or not _is_number(step) or not math.isfinite(step):
            return
        for name, value in content.items():
            if name in _LEFT_OUT or not _is_number(value):
                continue
            if self.curves.setdefault(name, Curve()).add(float(step), float(value)):
                self.generation += 1


def _is_number(value: Any) -> bool:
    """Tell whether a value can be drawn, or is NaN or infinite, which leaves a gap."""
    if isinstance(value, float):
        return True
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e300


_followers: OrderedDict[Path, MetricsFollower] = OrderedDict()
_followers_lock = threading.Lock()


def follow(path: Path) -> MetricsFollower:
    """Return the follower of a file, which all pages share."""
    with _followers_lock:
        follower = _followers.pop(path, None) or MetricsFollower(path)
        _followers[path] = follower
        while len(_followers) > _CACHED_FILES:
            _followers.popitem(last=False)
        return follower


def sampled_losses(path: Path, about: int = 60, most_bytes: int = 1 << 16) -> list[tuple[float, float]]:
    """Return some points of a loss curve, for a thumbnail: of a large file, lines here and there."""
    lines: list[bytes] = []
    with suppress(OSError), open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= most_bytes:
            lines = file.read().split(b"\n")
        else:
            for part in range(about):
                file.seek(part * (size - 4096) // (about - 1))
                lines += file.read(4096).split(b"\n")[1:4]
    found: dict[float, float] = {}
    for line in lines:
        with suppress(ValueError, RecursionError, AttributeError, TypeError):
            content = json.loads(line)
            step, loss = content.get("step"), content.get("loss", content.get("reward"))
            if _is_number(step) and _is_number(loss) and math.isfinite(loss):
                found[float(step)] = float(loss)
    points = sorted(found.items())
    return points[:: max(1, len(points) // about)]
