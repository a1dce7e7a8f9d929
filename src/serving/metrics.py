"""Figures for Prometheus, each server's its own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)


class Metrics:
    """Counters, gauges and histograms of one server."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "yoyak_http_requests", "HTTP requests by route and status", ["route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "yoyak_http_request_seconds",
            "Seconds from a request to the end of its response",
            ["route"],
            registry=registry,
            buckets=_SECONDS,
        )
        self.summaries = Counter("yoyak_summaries", "Summaries by how they ended", ["finish"], registry=registry)
        self.prompt_tokens = Counter("yoyak_prompt_tokens", "Tokens read", registry=registry)
        self.generated_tokens = Counter("yoyak_generated_tokens", "Tokens generated", registry=registry)
        self.waiting = Gauge("yoyak_waiting", "Summaries that wait for a place in the batch", registry=registry)
        self.running = Gauge("yoyak_running", "Summaries in the batch", registry=registry)
        self.batch_size = Histogram(
            "yoyak_batch_size",
            "Summaries in the batch, at each step",
            registry=registry,
            buckets=(1, 2, 4, 8, 16, 32, 64, 128),
        )
        self.wait_seconds = Histogram(
            "yoyak_wait_seconds",
            "Seconds until a request has a place in the batch",
            registry=registry,
            buckets=_SECONDS,
        )
        self.failures = Counter("yoyak_engine_failures", "Times that the engine failed", registry=registry)

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self.registry)
