"""Which candidates and votes MBR gains most by: temperatures, two mixed, the most likely one's weight, copies, beams.

Run from the repository root: `python benchmarks/mbr_votes.py --adapter RUN/final_model [--temperatures 1.0 1.25 1.5]
[--samples 16] [--beams 4] [--dialogues N] [--keep FILE] [KEY=VALUE ...]`. Each temperature takes `samples` summaries
of `data.eval`; all ways choose among the same ones. Prints a JSON line with the entropies by which
`generation.mbr_temperature` is found, one a temperature (its samples' ROUGE sums against each other and against the
references), then one a way with what it gains over the most likely summaries (95% interval, paired by dialogue).
`--keep` writes all summaries as JSON. Of many ways the best one looks better than it is: confirm it on other dialogues.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from src.commands.console import create_console
from src.commands.model import LoadedModel, load_for_use
from src.data.files.sources import load_dialogues
from src.evaluation.rouge import score_tokens
from src.evaluation.significance import paired_difference
from src.evaluation.tokenizations import tokenize_pairs
from src.inference.generator import generate_summaries
from src.inference.mbr_temperature import mean_entropies
from src.models.generation_settings import end_ids_of

Score = Callable[[str, str], float]


def main() -> None:
    """Draw, choose in each way, and score."""
    options = arguments()
    loaded = load_for_use(None, options.adapter, options.settings, create_console(stderr=True))
    rows = load_dialogues(loaded.config.data.eval, loaded.config.data).rows[: options.dialogues]
    dialogues, references = [row.dialogue for row in rows], [row.summary for row in rows]
    score = scorer(loaded)
    likely = summaries(loaded, dialogues)
    beams = summaries(loaded, dialogues, num_beams=options.beams)
    prompts = loaded.prompt.encode_prompts(dialogues)
    ends = end_ids_of(loaded.model, loaded.prompt.end_id), loaded.prompt.decoder_max_len
    settings = loaded.config.generation
    entropies = mean_entropies(loaded.model, loaded.tokenizer, prompts, settings, *ends)
    tell(entropies={f"{temperature:g}": round(value, 4) for temperature, value in entropies.items()})
    drawn = {}
    for temperature in options.temperatures:
        how = {"do_sample": True, "temperature": temperature}
        columns = [summaries(loaded, dialogues, seed=seed, **how) for seed in range(options.samples)]
        drawn[temperature] = list(zip(*columns, strict=True))
        alike = [score(*pair) for texts in drawn[temperature] for pair in combinations(texts, 2)]
        own = [score(text, ref) for texts, ref in zip(drawn[temperature], references, strict=True) for text in texts]
        tell(temperature=temperature, alike=mean(alike), rouge_sum=mean(own))
    greedy = [score(text, reference) for text, reference in zip(likely, references, strict=True)]
    tell(way="most likely", rouge_sum=mean(greedy), n=len(rows))
    if options.keep:
        kept = {"references": references, "likely": likely, "beams": beams, "drawn": drawn}
        options.keep.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
    for name, (candidates, votes, once) in ways(likely, beams, drawn, options.samples).items():
        chosen = [texts[closest(texts, votes, once, score)] for texts in candidates]
        values = [score(text, reference) for text, reference in zip(chosen, references, strict=True)]
        tell(way=name, rouge_sum=mean(values), **paired_difference(values, greedy).as_dict())


def ways(
    likely: Sequence[str], beams: Sequence[str], drawn: dict[float, list[tuple[str, ...]]], samples: int
) -> dict[str, tuple[list[list[str]], float, bool]]:
    """Return by name the candidates of each dialogue, the first one's weight, and whether copies vote once."""
    found = {}
    for temperature, texts in drawn.items():
        plain = [[first, *others] for first, others in zip(likely, texts, strict=True)]
        found[f"{temperature}"] = plain, 1.0, False
        found[f"{temperature}, the most likely one twice"] = plain, 2.0, False
        found[f"{temperature}, the most likely one four times"] = plain, 4.0, False
        found[f"{temperature}, copies once"] = plain, 1.0, True
        with_beams = [[*texts, beam] for texts, beam in zip(plain, beams, strict=True)]
        found[f"{temperature}, with beams"] = with_beams, 1.0, False
    half = samples // 2
    for low, high in combinations(drawn, 2):
        pairs = zip(likely, drawn[low], drawn[high], strict=True)
        mixed = [[first, *some[:half], *others[:half]] for first, some, others in pairs]
        found[f"half at {low}, half at {high}"] = mixed, 1.0, False
    return found


def closest(texts: Sequence[str], first_weight: float, once: bool, score: Score) -> int:
    """Return the candidate with the highest sum of votes; `once` leaves out those of its own copies."""

    def votes(index: int) -> float:
        others = [
            place for place in range(len(texts)) if place != index and not (once and texts[place] == texts[index])
        ]
        weights = [first_weight if place == 0 else 1.0 for place in others]
        total = sum(w * score(texts[index], texts[place]) for w, place in zip(weights, others, strict=True))
        return total / max(sum(weights), 1.0)

    return max(range(len(texts)), key=votes)


def scorer(loaded: LoadedModel) -> Score:
    """Return the ROUGE sum of two texts, which is the same both ways, as the run's settings count."""
    how = loaded.config.evaluation

    @cache
    def of_pair(one: str, other: str) -> float:
        return sum(score_tokens(*next(iter(tokenize_pairs([(one, other)], how.tokenization, how.stemmer)))))

    return lambda one, other: of_pair(min(one, other), max(one, other))


def summaries(loaded: LoadedModel, dialogues: Sequence[str], **settings: object) -> list[str]:
    """Return a summary of each dialogue, generated with these settings."""
    how = loaded.config.generation.model_copy(update={"mbr_samples": 0, **settings})
    return [made.text for made in generate_summaries(loaded.model, loaded.tokenizer, loaded.prompt, dialogues, how)]


def mean(values: Sequence[float]) -> float:
    """Return the mean."""
    return sum(values) / len(values)


def tell(**found: object) -> None:
    """Print a JSON line."""
    rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in found.items()}
    print(json.dumps({"benchmark": "mbr_votes", **rounded}), flush=True)


def arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", nargs="*", help="settings to override, as KEY=VALUE")
    parser.add_argument("--adapter", default="outputs/quickstart/final_model")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--temperatures", type=float, nargs="+", default=[1.0, 1.25, 1.5])
    parser.add_argument("--beams", type=int, default=4)
    parser.add_argument("--dialogues", type=int, help="the first N only")
    parser.add_argument("--keep", type=Path, help="file for the summaries")
    return parser.parse_args()


if __name__ == "__main__":
    main()
