"""What MBR gains on a dev set over greedy decoding, and what it costs. Prints one JSON line.

Run from the repository root, after `yoyak quickstart`:
`python benchmarks/mbr_gain.py [--adapter outputs/quickstart/final_model] [--samples 8] [--temperature auto]
[--metric rouge_sum] [--dialogues N] [KEY=VALUE ...]`. By default it takes `data.eval` of the adapter's run, which for
the quickstart is the 20 sample dialogues of `data/sample/en/dev.csv`: 3 to 10 minutes on two cores.
"""

import argparse
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Generate greedily, with one sample and with MBR, and score all three."""
    sys.path.insert(0, str(ROOT))
    import torch

    from src.commands.console import create_console
    from src.commands.model import load_for_use
    from src.data.files.sources import load_dialogues
    from src.evaluation.rouge import score_summaries
    from src.evaluation.significance import bootstrap_interval, paired_difference
    from src.inference.generator import generate_summaries, settled
    from src.inference.mbr_temperature import DIALOGUES, MbrTemperature

    options = arguments()
    loaded = load_for_use(None, options.adapter, options.settings, create_console(stderr=True))
    config = loaded.config
    rows = load_dialogues(config.data.eval, config.data).rows[: options.dialogues]
    begun = time.perf_counter()
    auto = config.generation.model_copy(update={"mbr_samples": options.samples, "mbr_temperature": options.temperature})
    prompts = loaded.prompt.encode_prompts([row.dialogue for row in rows[:DIALOGUES]])
    ends = loaded.prompt.end_id, loaded.prompt.decoder_max_len
    found: list[MbrTemperature] = []
    temperature = settled(auto, loaded.model, loaded.tokenizer, prompts, *ends, found.append).mbr_temperature
    seconds = {"temperature": round(time.perf_counter() - begun, 1)} if found else {}
    sampled = {"do_sample": True, "temperature": temperature}
    ways = {
        "greedy": {},
        "one_sample": sampled,
        "mbr": {
            "mbr_samples": options.samples,
            "mbr_metric": options.metric,
            "mbr_temperature": temperature,
        },
    }
    scores = {}
    for name, settings in ways.items():
        start = time.perf_counter()
        generated = generate_summaries(
            loaded.model,
            loaded.tokenizer,
            loaded.prompt,
            [row.dialogue for row in rows],
            config.generation.model_copy(update=settings),
            scoring=config.evaluation,
        )
        seconds[name] = round(time.perf_counter() - start, 1)
        texts, references = [result.text for result in generated], [row.summary for row in rows]
        how = config.evaluation
        scores[name] = score_summaries(texts, references, how.tokenization, how.stemmer).per_dialogue["rouge_sum"]
    result = {
        "benchmark": "mbr_gain",
        "adapter": options.adapter,
        "data": config.data.eval,
        "n": len(rows),
        "tokenization": config.evaluation.tokenization,
        "stemmer": config.evaluation.stemmer,
        "samples": options.samples,
        "temperature": temperature,
        "entropy": round(found[0].entropy, 4) if found else None,
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
