"""`yoyak serve` under load: latency and throughput of many clients against one alone. Prints one JSON line.

Run from the repository root: `python benchmarks/serve_load.py --adapter outputs/quickstart/final_model`. Without an
adapter the bundled base model is served, or with `--experiment NAME --checkpoint FOLDER` that folder's model, by that
experiment's settings but not quantized. Each client sends its next dialogue, of the samples, when it has its summary.
"""

import argparse
import asyncio
import csv
import json
import os
import statistics
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from src.planner.machine import cpu_name


def main() -> None:
    """Start a server, ask it as one client and as many, stop it."""
    arguments = parse_arguments()
    command = [sys.executable, "-m", "src.cli", "serve", "--port", "0", "--max-queue", str(4 * arguments.clients)]
    command += ["--max-batch", str(arguments.max_batch), "--timeout-s", "600", *model_arguments(arguments)]
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        line = next((line for line in server.stderr if line.startswith("Serving")), None)
        if line is None:
            sys.exit("the server did not start")
        url = line.split()[3]
        dialogues = sample_dialogues(arguments.language)
        asyncio.run(measure(url, dialogues, 1, 2, arguments.max_tokens))  # the first passes take longer than others
        alone = asyncio.run(measure(url, dialogues, 1, arguments.alone, arguments.max_tokens))
        many = asyncio.run(measure(url, dialogues, arguments.clients, arguments.requests, arguments.max_tokens))
    finally:
        server.terminate()
        exit_code = server.wait()
    result = {
        "benchmark": "serve_load",
        "model": line.split()[1],
        "adapter": arguments.adapter is not None,
        "cpu_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": cpu_name(),
        "gpu": gpu_name(),
        "max_batch": arguments.max_batch,
        "max_tokens": arguments.max_tokens,
        "alone": alone,
        "together": many,
        "throughput_ratio": round(many["summaries_per_second"] / alone["summaries_per_second"], 2),
        "server_exit_code": exit_code,
    }
    print(json.dumps(result))


def parse_arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapter", help="folder of an adapter; by default the bundled base model")
    parser.add_argument("--experiment", default="smollm2_135m", help="whose settings serve a model without an adapter")
    parser.add_argument("--checkpoint", type=Path, help="folder of the model, instead of the experiment's")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--alone", type=int, default=40, help="requests of the client that is alone")
    parser.add_argument("--max-tokens", type=int, default=24)
    parser.add_argument("--max-batch", type=int, default=16)
    parser.add_argument("--language", choices=["en", "ko"], default="en")
    return parser.parse_args()


def model_arguments(arguments: argparse.Namespace) -> list[str]:
    """Return what names the model on the server's command line."""
    if arguments.adapter is not None:
        return ["--adapter", str(Path(arguments.adapter).resolve())]
    named = ["-e", arguments.experiment, f"dataset.language={arguments.language}"]
    if arguments.checkpoint is not None:
        folder = arguments.checkpoint.resolve()
        named += [f"model.checkpoint={folder}", f"experiment.name={folder.name}", "lora.use_qlora=false"]
    return named


def gpu_name() -> str | None:
    """Return the name of the GPU that the server takes, None for a CPU."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def sample_dialogues(language: str) -> list[str]:
    """Return the dialogues of the shipped training samples."""
    path = ROOT / "data" / "sample" / language / "train.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [row["dialogue"] for row in csv.DictReader(file)]


async def measure(url: str, dialogues: list[str], clients: int, requests: int, max_tokens: int) -> dict[str, object]:
    """Let `clients` send `requests` between them, each one at a time; return figures in seconds and a second."""
    waiting = iter(list(islice(cycle(dialogues), requests)))
    seconds: list[float] = []
    tokens = errors = 0

    async def client(http: httpx.AsyncClient) -> None:
        nonlocal tokens, errors
        for dialogue in waiting:
            start = time.perf_counter()
            answer = await http.post(f"{url}/summaries", json={"dialogue": dialogue, "max_tokens": max_tokens})
            seconds.append(time.perf_counter() - start)
            if answer.status_code == 200:
                tokens += answer.json()["completion_tokens"]
            else:
                errors += 1

    start = time.perf_counter()
    async with httpx.AsyncClient(timeout=600, limits=httpx.Limits(max_connections=clients)) as http:
        await asyncio.gather(*(client(http) for _ in range(clients)))
    wall_seconds = time.perf_counter() - start
    percentiles = statistics.quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else seconds * 99
    return {
        "clients": clients,
        "requests": len(seconds),
        "errors": errors,
        "wall_seconds": round(wall_seconds, 1),
        "p50_seconds": round(percentiles[49], 2),
        "p95_seconds": round(percentiles[94], 2),
        "summaries_per_second": round(len(seconds) / wall_seconds, 3),
        "tokens_per_second": round(tokens / wall_seconds, 1),
    }


if __name__ == "__main__":
    main()
