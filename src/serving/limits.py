"""What a server accepts, and for how long it works on it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class RequestLimits:
    """Bounds on requests.

    Attributes:
        max_batch: summaries generated at a time.
        batch_tokens: tokens of a batch, prompts and summaries, as wide as its longest; None sets no bound.
        rows_that_fit: how many sequences of so many tokens there is memory for; None sets no bound.
        max_queue: summaries that may wait; a request that does not fit gets 429.
        batch_wait_seconds: how long an idle engine waits for more requests before it starts.
        timeout_seconds: from a request's arrival to its last token; 504 after that.
        body_bytes: largest body; 413 above it.
        connections: open at a time, fewer where the process may open fewer files; one more takes the place of the one
            that has waited longest without a request, or gets 503.
        head_seconds: longest time from a connection (or the answer before) to a request's head; closed after that.
        body_seconds: longest time for a body to arrive; 408 after that.
        chars_a_token: a dialogue of more than this many characters for each token of the longest prompt gets 422 before
            it is tokenized: shortening it to fit would leave next to nothing.
        truncate: shorten dialogues that are too long, as in training, where the request does not say; else 422.
    """

    max_batch: int = 16
    batch_tokens: int | None = None
    rows_that_fit: Callable[[int], int] | None = None
    max_queue: int = 128
    batch_wait_seconds: float = 0.01
    timeout_seconds: float = 120.0
    body_bytes: int = 1 << 20
    connections: int = 1000
    head_seconds: float = 30.0
    body_seconds: float = 20.0
    chars_a_token: int = 64
    truncate: bool = False
