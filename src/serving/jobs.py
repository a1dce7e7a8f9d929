"""A summary that is asked for: what goes into the model, what has come out, and how it ended."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from ..config.schema import GenerationSettings

Finish = Literal["stop", "length", "cancelled", "failed"]


@dataclass(eq=False)
class GenerationJob:
    """One prompt on its way through the engine.

    Written by the engine's thread, read by the event loop: `generated` only grows, `finish` is set once and last.

    Attributes:
        prompt: token ids.
        end_id: the token that ends the summary.
        more_ends: other tokens that do.
        max_new_tokens: most tokens that are generated, the end token among them.
        settings: how tokens are chosen; without beams and MBR.
        notify: called in the engine's thread after each token and at the end.
        generated: new token ids, the end token too.
        finish: `stop` (ended by itself), `length` (ran into its limit), `cancelled`, `failed`, or None (not yet).
        state: the engine's own.
        submitted_at, started_at, finished_at: `time.monotonic()` seconds.
    """

    prompt: list[int]
    end_id: int
    max_new_tokens: int
    settings: GenerationSettings = field(default_factory=GenerationSettings)
    notify: Callable[[], None] = lambda: None
    generated: list[int] = field(default_factory=list)
    finish: Finish | None = None
    state: Any = None
    submitted_at: float = field(default_factory=time.monotonic)
    started_at: float | None = None
    finished_at: float | None = None
    more_ends: frozenset[int] = frozenset()

    @property
    def ends(self) -> frozenset[int]:
        """Return all tokens that end the summary."""
        return self.more_ends | {self.end_id}

    @property
    def ids(self) -> list[int]:
        """Return prompt and new tokens: what the model reads next."""
        return self.prompt + self.generated

    def accept(self, token: int) -> None:
        """Take the next token; the last one finishes the job."""
        if self.finish is not None:
            return
        self.generated.append(token)
        if token == self.end_id or token in self.more_ends:
            self.end("stop")
        elif len(self.generated) >= self.max_new_tokens:
            self.end("length")
        else:
            self.notify()

    def end(self, how: Finish) -> bool:
        """Finish the job; return False where it was finished already."""
        if self.finish is not None:
            return False
        self.finished_at = time.monotonic()
        self.finish = how
        self.notify()
        return True
