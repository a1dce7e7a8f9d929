"""Which candidates and votes MBR gains most by: temperatures, copies, beams, and votes of another adapter.

Run from the repository root: `python benchmarks/mbr_votes.py --adapter RUN/final_model [--temperatures 1.0 1.25 1.5]
[--voters ADAPTER [--voters-temperatures 0.5 0.7]] [--samples 16 [--draws 24]] [--beams 4] [--dialogues N] [--keep FILE]
[KEY=VALUE ...]`. Each temperature takes `samples` summaries of `data.eval`; all ways choose among the same ones.
Prints a JSON line with the entropies by which `generation.mbr_temperature` is found, one a temperature (its samples'
ROUGE sums against each other and against the references), then one a way with what it gains over the most likely
summaries (95% interval, paired by dialogue). `--voters` is an adapter on the same base, such as the one before
refining: its samples are compared with and not chosen from. `--keep` writes all summaries as JSON. Of many ways the
best one looks better than it is: confirm it on other dialogues. `--draws N` only tells the luck of a draw: 16 of the
samples are taken N times, and the gain's mean and deviation are printed, with that of all, and of the best one by the
reference; with `--voters` also of 16 that are compared with 16 of those too.
"""

import argparse
import json
import random
import statistics
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
from src.models.adapter_values import AdapterValues
from src.models.generation_settings import end_ids_of

Score = Callable[[str, str], float]
Drawn = dict[float, list[tuple[str, ...]]]
_OF_A_DRAW = 16


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
    entropies = mean_entropies(loaded.model, loaded.tokenizer, prompts, loaded.config.generation, *ends)
    tell(entropies={f"{temperature:g}": round(value, 4) for temperature, value in entropies.items()})
    drawn, voters = samples(loaded, dialogues, options.temperatures, options.samples), {}
    for temperature, texts in drawn.items():
        alike = [score(*pair) for its in texts for pair in combinations(its, 2)]
        own = [score(text, reference) for its, reference in zip(texts, references, strict=True) for text in its]
        tell(temperature=temperature, alike=mean(alike), rouge_sum=mean(own))
    if options.voters is not None:
        with AdapterValues(loaded.model, options.voters).in_place():
            voters = samples(loaded, dialogues, options.voters_temperatures, options.samples)
    greedy = [score(text, reference) for text, reference in zip(likely, references, strict=True)]
    tell(way="most likely", rouge_sum=mean(greedy), n=len(rows))
    if options.keep:
        kept = {"references": references, "likely": likely, "beams": beams, "drawn": drawn, "voters": voters}
        options.keep.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
    if options.draws:
        tell_draws(likely, drawn, voters, references, score, options.draws)
        return
    for name, (candidates, others, once) in ways(likely, beams, drawn, voters).items():
        compared = zip(candidates, others, strict=True)
        chosen = [texts[closest(texts, further, once, score)] for texts, further in compared]
        values = [score(text, reference) for text, reference in zip(chosen, references, strict=True)]
        tell(way=name, rouge_sum=mean(values), **paired_difference(values, greedy).as_dict())


def tell_draws(
    likely: Sequence[str], drawn: Drawn, voters: Drawn, references: Sequence[str], score: Score, draws: int
) -> None:
    """Tell at each temperature what choosing among 16 of the samples, taken at random, gains, and among all of them."""

    def gained(texts: Sequence[str], others: Sequence[str], reference: str) -> float:
        return score(texts[closest(texts, others, False, score)], reference) - score(texts[0], reference)

    def best(texts: Sequence[str], _: Sequence[str], reference: str) -> float:
        return max(score(text, reference) for text in texts) - score(texts[0], reference)

    def some(texts: Sequence[str], chance: random.Random) -> list[str]:
        return chance.sample(texts, min(_OF_A_DRAW, len(texts)))

    none: list[tuple[str, ...]] = [()] * len(likely)
    for temperature, texts in drawn.items():
        for other, votes in {None: none, **voters}.items():
            chance, gains = random.Random(0), []
            together = list(zip(likely, texts, votes, references, strict=True))
            for _ in range(draws):
                of_draw = [
                    ([first, *some(its, chance)], some(further, chance), r) for first, its, further, r in together
                ]
                gains.append(mean([gained(*one) for one in of_draw]))
            of_all = [([first, *its], further, reference) for first, its, further, reference in together]
            whole, oracle = (mean([f(*one) for one in of_all]) for f in (gained, best))
            told = {"difference": mean(gains), "deviation_of_draws": statistics.pstdev(gains), "draws": draws}
            name = f"{temperature}, {_OF_A_DRAW} of {len(texts[0])}"
            name += "" if other is None else f", compared with {_OF_A_DRAW} of {len(votes[0])} voters at {other} too"
            tell(way=name, **told, of_all=whole, best_by_reference=oracle)


def ways(
    likely: Sequence[str], beams: Sequence[str], drawn: Drawn, voters: Drawn
) -> dict[str, tuple[list[list[str]], list[Sequence[str]], bool]]:
    """Return by name the candidates of each dialogue, what they are compared with too, and whether copies vote once."""
    found, none = {}, [()] * len(likely)
    for temperature, texts in drawn.items():
        plain = [[first, *others] for first, others in zip(likely, texts, strict=True)]
        fewer = [its[: 1 + len(its) // 2] for its in plain]
        with_beams = [[*its, beam] for its, beam in zip(plain, beams, strict=True)]
        found[f"{temperature}"] = plain, none, False
        found[f"{temperature}, half as many"] = fewer, none, False
        found[f"{temperature}, copies once"] = plain, none, True
        found[f"{temperature}, with beams"] = with_beams, none, False
        for other, votes in voters.items():
            found[f"{temperature}, as many voters at {other}"] = plain, votes, False
            found[f"half at {temperature}, half voters at {other}"] = (
                fewer,
                [its[: len(its) // 2] for its in votes],
                False,
            )
    return found


def closest(texts: Sequence[str], others: Sequence[str], once: bool, score: Score) -> int:
    """Return the candidate that is closest to the others and to further texts; `once` leaves out its own copies."""

    def votes(index: int) -> float:
        its = [text for place, text in enumerate(texts) if place != index and not (once and text == texts[index])]
        return sum(score(texts[index], text) for text in (*its, *others)) / max(len(its) + len(others), 1)

    return max(range(len(texts)), key=votes)


def samples(loaded: LoadedModel, dialogues: Sequence[str], temperatures: Sequence[float], count: int) -> Drawn:
    """Return so many samples of each dialogue, by temperature."""
    drawn = {}
    for temperature in temperatures:
        how = {"do_sample": True, "temperature": temperature}
        columns = [summaries(loaded, dialogues, seed=seed, **how) for seed in range(count)]
        drawn[temperature] = list(zip(*columns, strict=True))
    return drawn


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
    parser.add_argument("--draws", type=int, default=0, help="how often 16 of the samples are taken")
    parser.add_argument("--temperatures", type=float, nargs="+", default=[1.0, 1.25, 1.5])
    parser.add_argument("--voters", type=Path, help="folder of another adapter on the same base")
    parser.add_argument("--voters-temperatures", type=float, nargs="+", default=[0.5, 0.7])
    parser.add_argument("--beams", type=int, default=4)
    parser.add_argument("--dialogues", type=int, help="the first N only")
    parser.add_argument("--keep", type=Path, help="file for the summaries")
    return parser.parse_args()


if __name__ == "__main__":
    main()
