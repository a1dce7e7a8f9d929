import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from src.reports.report import write_report
from src.tests.reports.page import Page

RUN: dict[str, Any] = {
    "yoyak": "0.1.0",
    "name": "quickstart",
    "status": "completed",
    "command": "yoyak quickstart",
    "started": "2026-11-24T12:00:00+00:00",
    "ended": "2026-11-24T12:04:10+00:00",
    "resumed": [{"at": "2026-11-24T12:02:00+00:00", "step": 20}, {"at": "2026-11-24T12:03:00+00:00", "step": 30}],
    "seed": 42,
    "commit": "abc123",
    "device": {"type": "cpu", "name": "AMD EPYC", "memory_bytes": 17179869184, "threads": 2},
    "versions": {"torch": "2.13.0", "transformers": "5.23.0"},
    "config": {"model": {"checkpoint": "bundled:smollm2-135m"}, "training": {"epochs": 2, "max_steps": None}},
    "settings_changed": {"training.epochs": {"base": 3, "value": 2}},
    "resolved": {
        "compute_dtype": "float32",
        "compute_dtype_reason": "float32 62 GFLOP/s, bf16 10 GFLOP/s",
        "optimizer": "adamw_torch",
    },
    "data": {
        "train": {"source": "train.csv", "rows": 82, "examples": 80, "encoding": "utf-8", "dropped": {"no summary": 2}},
        "eval": {"source": "dev.csv", "rows": 20, "examples": 20, "encoding": "cp949", "dropped": {}},
    },
    "truncation": {
        "train": {"examples": 80, "prompts_cut": 3, "turns_cut": 12, "tokens_cut": 1345, "long_summaries": 1},
        "eval": {"examples": 20, "prompts_cut": 0, "turns_cut": 0, "tokens_cut": 0, "long_summaries": 0},
    },
    "lengths": {"train": {"mean": 220.5, "p50": 210, "p95": 290, "max": 310, "histogram": [[128, 3], [160, 20]]}},
    "scores": {
        "zero_shot": {
            "rouge1": 25.1, "rouge2": 8.1, "rougeL": 20.0, "rouge_sum": 53.2,
            "tokenization": "word", "stemmer": True, "n": 20,
        },
        "fine_tuned": {
            "rouge1": 39.3, "rouge2": 15.24, "rougeL": 31.1, "rouge_sum": 85.64,
            "tokenization": "word", "stemmer": True, "n": 20,
        },
    },
    "train": {
        "loss": 1.9, "eval_loss": 1.8, "samples_per_second": 0.6, "tokens_per_second": 150.2,
        "peak_memory_bytes": 4100000000, "wall_seconds": 250.3, "steps": 40, "saving_seconds": 3.24,
        "eval_rouge_sum": 84.5,
    },
    "faults": {
        "bad_steps": 1, "rollbacks": 2,
        "out_of_memory_in_training": {"count": 1, "micro_batch_tokens": 4096},
        "out_of_memory_in_generation": {"count": 3},
    },
    "trainable_parameters": 4884480,
    "total_parameters": 139400000,
}  # fmt: skip
METRICS: list[dict[str, Any]] = [
    {"step": 2, "epoch": 0.1, "loss": 2.9, "learning_rate": 0.0005, "grad_norm": 1.2, "tokens_per_second": 150.0},
    {"step": 20, "epoch": 1.0, "eval_loss": 2.1, "eval_rouge_sum": 80.25},
    {"step": 40, "epoch": 2.0, "loss": 1.7, "learning_rate": 0.0, "grad_norm": 0.8, "tokens_per_second": 152.0},
]
PREDICTIONS: list[dict[str, Any]] = [
    {
        "fname": "dev_0",
        "topic": "a lost folder",
        "dialogue": "#Person1#: Where is it?\n#Person2#: <script>alert('x')</script> & https://example.org/",
        "summary": "#Person1# looks for the folder.",
        "zero_shot": "",
        "fine_tuned": '<img src="http://example.org/x.png" onerror="alert(1)">',
    },
    {"fname": "dev_1", "topic": "예약", "dialogue": "민수: 방을 예약했어요.", "summary": "민수가 방을 예약했다."},
]

WriteRun = Callable[..., Path]


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """Return a function that writes a run's files; each may be replaced by other content, a str as it is."""

    def write(run: Any = RUN, metrics: Any = METRICS, predictions: Any = PREDICTIONS) -> Path:
        _write(tmp_path / "run.json", run, json.dumps)
        _write(tmp_path / "metrics.jsonl", metrics, _lines)
        _write(tmp_path / "predictions.jsonl", predictions, _lines)
        return tmp_path

    return write


def _write(path: Path, content: Any, dump: Callable[[Any], str]) -> None:
    if content is not None:
        path.write_text(content if isinstance(content, str) else dump(content), encoding="utf-8")


def _lines(records: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


ROWS = [
    {"fname": f"d{place}", "topic": "tea", "dialogue": f"Ann: Tea at {place + 2}?", "summary": "a b c d",
     "fine_tuned": text}
    for place, text in enumerate(["a b c d", "a b c d", "x"])
]  # fmt: skip


@pytest.fixture
def make_run(tmp_path: Path):
    def make(name: str, rows: Any = ROWS, learning_rate: float = 0.1, status: str = "completed") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        run = {
            **copy.deepcopy(RUN),
            "name": name,
            "status": status,
            "config": {"training": {"learning_rate": learning_rate}},
        }
        (folder / "run.json").write_text(json.dumps(run))
        (folder / "metrics.jsonl").write_text('{"step": 2, "loss": 2.0}\n{"step": 4, "loss": 1.0}\n')
        if rows is not None:
            (folder / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder

    return make


def changed(*texts: str) -> list[dict[str, Any]]:
    return [{**row, "fine_tuned": text} for row, text in zip(ROWS, texts, strict=True)]


def page_of(run_dir: Path) -> Page:
    return Page(write_report(run_dir).read_text(encoding="utf-8"))


def run_with(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(RUN), **changes}
