"""Whether a judge that learns from a model's own draws chooses better among them than MBR does.

    python benchmarks/judged_choice.py --adapter RUN/final_model [--start ADAPTER] [--temperature 1.5]
        [--dialogues 2000] [--samples 16] [--pool 48] [--draws 24] [KEY=VALUE ...]

Of training dialogues that are drawn at random, summaries are drawn and rewarded by the ROUGE sum, as refining does in
each step. Two judges learn to foresee a summary's reward against the others of its dialogue: a ridge regression on the
model's states (of the end token, and the mean of the summary's), and the adapter itself, trained further with one
linear unit on the end token's state (SimCLS, Liu & Liu 2021, ranks candidates by a model of its own; BRIO, Liu et al.
2022, by the one that wrote them). What a tenth of those dialogues says weighs judges, likelihoods (with `--start` also
by the adapter before refining), length and MBR against each other. Then for `data.eval`: how each goes with the reward
within a dialogue (correlation), and what choosing by it among `samples` of `pool` and the most likely one gains, in the
mean of `draws` draws, with the deviation of a single draw. One JSON line each.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch
from judges import Group, centred, correlation, fit_ridge, forget_states, note_states, train_judge
from mbr_votes import Score, scorer, summaries
from result_line import print_line

from src.commands.console import create_console
from src.commands.model import LoadedModel, load_for_use
from src.data.files.sources import load_dialogues
from src.models.adapter_values import AdapterValues

HELD = 0.1  # of the dialogues that judges learn from, to weigh them by


def main() -> None:
    """Draw, learn, weigh and choose."""
    options = arguments()
    began = time.monotonic()
    loaded = load_for_use(None, options.adapter, options.settings, create_console(stderr=True))
    score, config = scorer(loaded), loaded.config
    chance = random.Random(options.seed)
    rows = load_dialogues(config.data.train, config.data).rows
    rows = chance.sample(rows, min(options.dialogues, len(rows)))
    known = drawn(loaded, rows, options.samples, options.temperature, score)
    asked = load_dialogues(config.data.eval, config.data).rows[: options.asked]
    dev = drawn(loaded, asked, options.pool, options.temperature, score)
    for name, groups in (("training", known), ("evaluation", dev)):
        tell(of=name, likely=mean(g.rewards[0] for g in groups), drawn=mean(g.rewards[1:].mean() for g in groups),
             deviation=mean(g.rewards.std() for g in groups), seconds=round(time.monotonic() - began, 1))  # fmt: skip
    held, learned = known[: round(HELD * len(known))], known[round(HELD * len(known)) :]
    if options.start:
        with AdapterValues(loaded.model, options.start).in_place():
            note_states(loaded, [*held, *dev], options.tokens, "start_")
        forget_states([*held, *dev])
    note_states(loaded, [*known, *dev], options.tokens)
    tell(**fit_ridge(learned, held, [*held, *dev]))
    forget_states([*known, *dev])
    for epochs in options.epochs:
        train_judge(loaded, learned, [*held, *dev], epochs, options)
    for group in held:
        group.signs["mbr"] = closeness(group.texts, range(len(group.texts)), score)
    names = [*held[0].signs]
    sets = {name: [name] for name in names} | {"all": names, "all but mbr": [name for name in names if name != "mbr"]}
    sets |= {f"mbr and {name}": ["mbr", name] for name in names if name != "mbr"}
    tell_choices(dev, {key: weighed(held, used) for key, used in sets.items()}, score, options)
    tell(seconds=round(time.monotonic() - began, 1))


def drawn(loaded: LoadedModel, rows: Sequence[Any], count: int, temperature: float, score: Score) -> list[Group]:
    """Return of each dialogue its most likely summary and so many samples."""
    dialogues = [row.dialogue for row in rows]
    how = {"do_sample": True, "temperature": temperature}
    columns = [summaries(loaded, dialogues), *(summaries(loaded, dialogues, seed=seed, **how) for seed in range(count))]
    found = []
    for row, texts in zip(rows, zip(*columns, strict=True), strict=True):
        rewards = torch.tensor([score(text, row.summary) for text in texts])
        words = torch.tensor([float(len(text.split())) for text in texts])
        found.append(Group(row.dialogue, list(texts), rewards, {"words": words}))
    return found


def weighed(held: Sequence[Group], names: Sequence[str]) -> dict[str, float]:
    """Return the weight of each sign, by ridge regression on the rewards of the held dialogues."""
    x = torch.cat([torch.stack([centred(group.signs[name]) for name in names], 1) for group in held]).double()
    y = torch.cat([centred(group.rewards) for group in held]).double()
    scale = x.std(0) + 1e-9
    x = x / scale  # a little ridge: likelihoods by two adapters are nearly the same
    weights = torch.linalg.solve(x.T @ x + 0.01 * len(x) * torch.eye(len(names), dtype=x.dtype), x.T @ y) / scale
    return dict(zip(names, weights.tolist(), strict=True))


def closeness(texts: Sequence[str], places: Sequence[int], score: Score) -> torch.Tensor:
    """Return the mean score of each of the texts at these places against the others of them."""
    totals = [sum(score(texts[one], texts[other]) for other in places if other != one) for one in places]
    return torch.tensor(totals) / max(len(places) - 1, 1)


def tell_choices(
    dev: Sequence[Group], ways: dict[str, dict[str, float]], score: Score, options: argparse.Namespace
) -> None:
    """Tell of each way what it gains."""
    chance = random.Random(0)
    gains: dict[str, list[float]] = {name: [] for name in ways}
    pairs: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {name: [] for name in ways}
    for draw in range(options.draws):
        sums = dict.fromkeys(ways, 0.0)
        for group in dev:
            count = len(group.texts) - 1
            places = [0, *(1 + place for place in chance.sample(range(count), min(options.samples, count)))]
            signs = {name: values[places] for name, values in group.signs.items()}
            signs["mbr"] = closeness(group.texts, places, score)
            for name, weights in ways.items():
                foreseen = sum((weight * signs[sign] for sign, weight in weights.items()), torch.zeros(len(places)))
                sums[name] += float(group.rewards[places[int(foreseen.argmax())]] - group.rewards[0])
                if draw == 0:
                    pairs[name].append((foreseen, group.rewards[places]))
        for name, total in sums.items():
            gains[name].append(total / len(dev))
    for name, values in gains.items():
        weights = {sign: round(weight, 4) for sign, weight in ways[name].items()}
        tell(way=name, gain=mean(values), deviation_of_draws=statistics.pstdev(values), draws=options.draws,
             correlation=correlation(pairs[name]), weights=weights)  # fmt: skip


def tell(**found: Any) -> None:
    """Print a JSON line."""
    rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in found.items()}
    print_line({"benchmark": "judged_choice", **rounded}, None)


def mean(values: Any) -> float:
    """Return the mean of numbers or of tensors of one."""
    return statistics.fmean(float(value) for value in values)


def arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", help="settings to override, as KEY=VALUE")
    parser.add_argument("--adapter", default="outputs/quickstart/final_model")
    parser.add_argument("--start", type=Path, help="the adapter before refining; the trained judge begins with it")
    parser.add_argument("--temperature", type=float, default=1.5)
    parser.add_argument("--dialogues", type=int, default=2000, help="training dialogues to learn from")
    parser.add_argument("--asked", type=int, help="of data.eval the first N only")
    parser.add_argument("--samples", type=int, default=16, help="to choose among, and to learn from of each dialogue")
    parser.add_argument("--pool", type=int, default=48, help="of each evaluation dialogue, to take samples from")
    parser.add_argument("--draws", type=int, default=24)
    parser.add_argument("--epochs", type=int, nargs="*", default=[1], help="of the trained judges, one for each")
    parser.add_argument("--groups", type=int, default=8, help="dialogues of a step of the judge's training")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--tokens", type=int, default=65536, help="of a batch, with padding")
    parser.add_argument("--seed", type=int, default=42)
    return parser.parse_intermixed_args()


if __name__ == "__main__":
    main()
