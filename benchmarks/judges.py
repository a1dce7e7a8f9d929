"""Judges that learn from a model's own draws to foresee a summary's reward (`judged_choice.py`)."""

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch
from torch import nn

from src.commands.model import LoadedModel
from src.models.adapter_values import AdapterValues
from src.models.autocast import autocast

RIDGES = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6)


@dataclass
class Group:
    """Summaries of a dialogue, the most likely first, their rewards, and what foresees them: (summaries,) by name."""

    dialogue: str
    texts: list[str]
    rewards: torch.Tensor
    signs: dict[str, torch.Tensor]


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


def fit_ridge(learned: Sequence[Group], held: Sequence[Group], asked: Sequence[Group]) -> dict[str, float]:
    """Note what a ridge regression on states foresees, of the penalty that does best on the held dialogues; return it
    and how well it agrees with the rewards.
    """
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
    for group in asked:
        group.signs["ridge"] = judge(ridge)(group)
    learned_correlation = correlation([(judge(ridge)(group), group.rewards) for group in learned])
    return {"ridge": ridge, "held_correlation": agreement(ridge), "learned_correlation": learned_correlation}


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
