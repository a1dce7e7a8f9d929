"""What MBR gains on a dev set over greedy decoding, and what it costs. Prints one JSON line.

Run from the repository root, after `yoyak quickstart`:
`python benchmarks/mbr_gain.py [--adapter outputs/quickstart/final_model] [--samples 8] [--temperature auto]
[--metric rouge_sum] [--dialogues N] [KEY=VALUE ...]`. By default it takes `data.eval` of the adapter's run, which for
the quickstart is the 20 sample dialogues of `data/sample/en/dev.csv`: 3 to 10 minutes on two cores.
Settings decide as for `yoyak summarize`: `generation.mbr_references=start` compares with the adapter before refining.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Generate greedily, with one sample and with MBR, and score all three."""
    sys.path.insert(0, str(ROOT))
    import torch

    from src.commands.console import create_console
    from src.commands.generating import summaries, with_mbr_temperature
    from src.commands.model import load_for_use
    from src.data.files.sources import load_dialogues
    from src.evaluation.rouge import score_summaries
    from src.evaluation.significance import bootstrap_interval, paired_difference

    options, console = arguments(), create_console(stderr=True)
    mbr = {"samples": options.samples, "temperature": options.temperature, "metric": options.metric}
    named = [f"generation.mbr_{name}={value}" for name, value in mbr.items()]
    loaded = load_for_use(None, options.adapter, [*options.settings, *named], console)
    rows = load_dialogues(loaded.config.data.eval, loaded.config.data).rows[: options.dialogues]
    dialogues, references = [row.dialogue for row in rows], [row.summary for row in rows]
    begun = time.perf_counter()
    loaded = with_mbr_temperature(loaded, dialogues, console)
    seconds = {"temperature": round(time.perf_counter() - begun, 1)}
    config, how = loaded.config, loaded.config.evaluation
    temperature = config.generation.mbr_temperature
    ways: dict[str, dict[str, object]] = {
        "greedy": {"mbr_samples": 0},
        "one_sample": {"mbr_samples": 0, "do_sample": True, "temperature": temperature},
        "mbr": {},
    }
    scores = {}
    for name, settings in ways.items():
        start = time.perf_counter()
        generation = config.generation.model_copy(update=settings)
        way = replace(loaded, config=config.model_copy(update={"generation": generation}))
        texts = [result.text for result in summaries(way, dialogues, lambda *_: None)]
        seconds[name] = round(time.perf_counter() - start, 1)
        scores[name] = score_summaries(texts, references, how.tokenization, how.stemmer).per_dialogue["rouge_sum"]
    result = {
        "benchmark": "mbr_gain",
        "adapter": options.adapter,
        "data": config.data.eval,
        "n": len(rows),
        "tokenization": how.tokenization,
        "stemmer": how.stemmer,
        "samples": options.samples,
        "temperature": temperature,
        "start": str(loaded.start_folder) if loaded.start else None,
        "start_temperature": loaded.start.temperature if loaded.start else None,
        "metric": options.metric,
        "rouge_sum": {name: estimate(values, *bootstrap_interval(values)) for name, values in scores.items()},
        "gain_over_greedy": rounded(paired_difference(scores["mbr"], scores["greedy"]).as_dict()),
        "gain_over_one_sample": rounded(paired_difference(scores["mbr"], scores["one_sample"]).as_dict()),
        "seconds": seconds,
        "threads": torch.get_num_threads(),
        "compute_dtype": loaded.resolved["compute_dtype"],
    }
    print(json.dumps(result))


def arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", nargs="*", help="settings to override, as KEY=VALUE")
    parser.add_argument("--adapter", default="outputs/quickstart/final_model")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--temperature", type=lambda text: text if text == "auto" else float(text), default="auto")
    parser.add_argument("--metric", default="rouge_sum", choices=["rouge_sum", "chrf"])
    parser.add_argument("--dialogues", type=int, help="the first N only")
    return parser.parse_args()


def estimate(values: tuple[float, ...], low: float, high: float) -> dict[str, float]:
    """Return mean and interval, rounded."""
    return rounded({"value": sum(values) / len(values), "low": low, "high": high})


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """Return the figures with four decimals."""
    return {name: round(value, 4) for name, value in figures.items()}


if __name__ == "__main__":
    main()
