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
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch
from mbr_votes import Score, scorer, summaries
from result_line import print_line
from torch import nn

from src.commands.console import create_console
from src.commands.model import LoadedModel, load_for_use
from src.data.files.sources import load_dialogues
from src.models.adapter_values import AdapterValues
from src.models.autocast import autocast

HELD = 0.1  # of the dialogues that judges learn from, to weigh them by
RIDGES = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6)


@dataclass
class Group:
    """Summaries of a dialogue, the most likely first, their rewards, and what foresees them: (summaries,) by name."""

    dialogue: str
    texts: list[str]
    rewards: torch.Tensor
    signs: dict[str, torch.Tensor]


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
    fit_ridge(learned, held, [*held, *dev])
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


def encoded(loaded: LoadedModel, groups: Sequence[Group]) -> list[tuple[Group, int, list[int], int]]:
    """Return of each summary its group, place, ids with the prompt's, and the prompt's length."""
    found = []
    for group in groups:
        examples = loaded.prompt.encode_examples([group.dialogue] * len(group.texts), group.texts)
        found += [(group, place, one.input_ids, one.prompt_length) for place, one in enumerate(examples)]
    return found


def batches(items: list[Any], tokens: int) -> Iterator[list[Any]]:
    """Yield items of like length together, at most so many tokens with padding."""
    batch: list[Any] = []
    for item in sorted(items, key=lambda one: len(one[2])):
        if batch and (len(batch) + 1) * len(item[2]) > tokens:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def states(loaded: LoadedModel, batch: list[Any]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the last states (rows, tokens, width) of a batch, its ids, and lengths (rows,)."""
    model = loaded.model.get_base_model()
    device = model.get_input_embeddings().weight.device
    longest = max(len(ids) for _, _, ids, _ in batch)
    ids = torch.tensor([[*its, *[0] * (longest - len(its))] for _, _, its, _ in batch], device=device)
    lengths = torch.tensor([len(its) for _, _, its, _ in batch], device=device)
    mask = torch.arange(longest, device=device)[None] < lengths[:, None]
    return model.model(input_ids=ids, attention_mask=mask.long(), use_cache=False).last_hidden_state, ids, lengths


@torch.no_grad()
def note_states(loaded: LoadedModel, groups: Sequence[Group], tokens: int, prefix: str = "") -> None:
    """Note of each summary its log-likelihood, whole and a token, and its states at the end and in the mean."""
    head = loaded.model.get_base_model().get_output_embeddings()
    for group in groups:
        for name in ("likelihood", "likelihood_a_token"):
            group.signs[prefix + name] = torch.zeros(len(group.texts))
        group.signs["states"] = torch.zeros(len(group.texts), 2 * head.weight.shape[1])
    for batch in batches(encoded(loaded, groups), tokens):
        with autocast(loaded.model):
            hidden, ids, lengths = states(loaded, batch)
            for row, (group, place, its, prompt) in enumerate(batch):
                summary = slice(prompt - 1, len(its) - 1)  # what foresees the summary's tokens
                logs = head(hidden[row, summary]).float().log_softmax(-1)
                told = logs.gather(1, ids[row, prompt : len(its), None]).sum().item()
                group.signs[prefix + "likelihood"][place] = told
                group.signs[prefix + "likelihood_a_token"][place] = told / (len(its) - prompt)
                both = [hidden[row, lengths[row] - 1], hidden[row, prompt : len(its)].float().mean(0)]
                group.signs["states"][place] = torch.cat([one.float() for one in both]).cpu()


def forget_states(groups: Sequence[Group]) -> None:
    """Let the states go; they are no sign by themselves."""
    for group in groups:
        group.signs.pop("states", None)


def centred(values: torch.Tensor) -> torch.Tensor:
    """Return values less their mean."""
    return values - values.mean(0)


def fit_ridge(learned: Sequence[Group], held: Sequence[Group], asked: Sequence[Group]) -> None:
    """Note what a ridge regression on states foresees, of the penalty that does best on the held dialogues."""
    x = torch.cat([centred(group.signs["states"]) for group in learned]).double()
    y = torch.cat([centred(group.rewards) for group in learned]).double()
    scale = x.std(0) + 1e-6
    x = x / scale
    product, towards = x.T @ x, x.T @ y

    def judge(ridge: float) -> Callable[[Group], torch.Tensor]:
        weights = torch.linalg.solve(product + ridge * torch.eye(len(product), dtype=x.dtype), towards) / scale
        return lambda group: (group.signs["states"].double() @ weights).float()

    def agreement(ridge: float) -> float:
        foresee = judge(ridge)
        return correlation([(foresee(group), group.rewards) for group in held])

    ridge = max(RIDGES, key=agreement)
    tell(ridge=ridge, held_correlation=agreement(ridge), learned_correlation=correlation(
        [(judge(ridge)(group), group.rewards) for group in learned]))  # fmt: skip
    for group in asked:
        group.signs["ridge"] = judge(ridge)(group)


def train_judge(
    loaded: LoadedModel, learned: Sequence[Group], asked: Sequence[Group], epochs: int, options: argparse.Namespace
) -> None:
    """Train the adapter further, with a linear unit on the end token's state, and note what it foresees."""
    torch.manual_seed(options.seed)
    model = loaded.model
    begins = AdapterValues(model, options.start).in_place() if options.start else nullcontext()
    own = {name: value.detach().clone() for name, value in model.named_parameters() if "lora_" in name}
    with begins:
        adapted = [value for name, value in model.named_parameters() if "lora_" in name]
        for value in adapted:
            value.requires_grad_(True)
        width = model.get_base_model().get_output_embeddings().weight.shape[1]
        unit = nn.Linear(width, 1, device=adapted[0].device)
        nn.init.zeros_(unit.weight)
        groups = [{"params": adapted, "lr": options.learning_rate}, {"params": unit.parameters(), "lr": 1e-3}]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
        order = [group for _ in range(epochs) for group in random.Random(options.seed).sample(learned, len(learned))]
        steps = -(-len(order) // options.groups)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min(1, (step + 1) / 20) * (1 - step / steps)
        )
        model.train()
        for step in range(steps):
            few = order[step * options.groups : (step + 1) * options.groups]
            items = encoded(loaded, few)
            for batch in batches(items, options.tokens // 4):
                # The mean of a group is taken out of its rewards alone: what a summary is foreseen to bring against the
                # others of its dialogue.
                with autocast(model):
                    hidden, _, lengths = states(loaded, batch)
                    told = unit(hidden[torch.arange(len(batch)), lengths - 1].float())[:, 0]
                wanted = torch.stack([centred(group.rewards)[place] / 10 for group, place, *_ in batch]).to(told)
                (((told.float() - wanted) ** 2).sum() / len(items)).backward()
            nn.utils.clip_grad_norm_([*adapted, *unit.parameters()], 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        model.eval()
        for group in asked:
            group.signs[f"judge_{epochs}"] = torch.zeros(len(group.texts))
        with torch.no_grad(), autocast(model):
            for batch in batches(encoded(loaded, asked), options.tokens):
                hidden, _, lengths = states(loaded, batch)
                told = unit(hidden[torch.arange(len(batch)), lengths - 1].float())[:, 0].tolist()
                for (group, place, *_), value in zip(batch, told, strict=True):
                    group.signs[f"judge_{epochs}"][place] = value
        for value in adapted:
            value.requires_grad_(False)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name in own:
                value.copy_(own[name])


def correlation(pairs: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """Return the correlation of what was foreseen and what came, within dialogues."""
    foreseen, came = (torch.cat([centred(pair[which]).double() for pair in pairs]) for which in (0, 1))
    return float((foreseen * came).sum() / (foreseen.norm() * came.norm() + 1e-12))


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
