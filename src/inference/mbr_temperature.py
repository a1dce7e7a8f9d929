"""The temperature at which MBR draws: the one at which this model is as unsure as those were that gained by it.

Samples have to be good enough to choose from and different enough to make a choice, and how different they are at a
temperature depends on the model: training by reward takes most of the entropy. What is looked at is the mean entropy of
the distribution that a token is drawn from, along the most likely summaries, which need no random numbers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from ..bilingual import Text
from ..config.schema import GenerationSettings
from ..decoder.cached_decoder import CachedDecoder
from ..decoder.picking import warpers
from ..decoder.row_batch import RowBatch
from ..models.autocast import autocast
from ..ranks.group import agreed
from .batches import in_batches, splits_of
from .generating_mode import generating, left_padded
from .probe import generates_fast

TARGET = 0.45
"""Nats a token. SmolLM2-135M on DialogSum's dev, after refining, has 0.31 at 1.2, 0.44 at 1.4 and 0.53 at 1.5 (first 8
dialogues; the next 8 have 0.35, 0.49 and 0.58); of 0.5, 1.0, 1.5 and 2.0 it gained most at 1.5. After imitation 0.5
gained most: the base model has 0.58 there, the refined one with a quarter of its adapter 0.26."""
TEMPERATURES = tuple(tenths / 10 for tenths in range(3, 21))
"""In steps within which gains hardly differ, so that rounding hardly ever decides."""
DIALOGUES = 8
"""Whose entropies have a standard deviation of 40%, so that the mean of eight has an error of 15%: a step or less."""
_TOKENS = 32  # of each summary: with the prompts less than a twentieth of 16 samples of 100 dialogues


@dataclass(frozen=True)
class MbrTemperature:
    """A temperature, and the mean entropy there, in nats a token, along so many dialogues' most likely summaries."""

    value: float
    entropy: float
    dialogues: int

    def sentence(self) -> Text:
        """Return what was chosen, and why."""
        entropy, target = f"{self.entropy:.2f}", f"{TARGET:.2f}"
        return Text(
            f"MBR draws at temperature {self.value}: the entropy there is {entropy} nats a token (of {self.dialogues} "
            f"dialogues), nearest to {target}",
            f"MBR은 온도 {self.value}에서 뽑습니다. 그때 엔트로피가 토큰당 {entropy}냇(대화 {self.dialogues}개)으로 "
            f"{target}에 가장 가깝습니다",
        )


def is_open(settings: GenerationSettings) -> bool:
    """Tell whether samples are to be drawn at a temperature that is not chosen yet."""
    return settings.mbr_samples > 0 and settings.mbr_temperature == "auto"


def mbr_temperature(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[list[int]],
    settings: GenerationSettings,
    end_ids: Sequence[int],
    max_new_tokens: int,
) -> MbrTemperature:
    """Return the temperature for a model, the same on all ranks; the arguments are those of `mean_entropies`."""
    found = mean_entropies(model, tokenizer, prompts, settings, end_ids, max_new_tokens)
    value = min(found, key=lambda temperature: abs(found[temperature] - TARGET))
    return agreed(lambda: MbrTemperature(value, found[value], min(DIALOGUES, len(prompts))))


def mean_entropies(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[list[int]],
    settings: GenerationSettings,
    end_ids: Sequence[int],
    max_new_tokens: int,
) -> dict[float, float]:
    """Return for each of `TEMPERATURES` the mean entropy, in nats, of the distributions that tokens are drawn from.

    Args:
        model: with or without adapter; gets its mode back.
        tokenizer: whose padding token transformers needs.
        prompts: of all dialogues, as ids, at least one; the first `DIALOGUES` are looked at, in a batch of their own,
            whatever `generation.batch_size` is.
        settings: whose `top_k` and `top_p` count.
        end_ids: tokens that end a summary.
        max_new_tokens: of a summary.
    """
    first = list(prompts[:DIALOGUES])
    most = min(_TOKENS, max_new_tokens)
    fast = generates_fast(model)
    pad = tokenizer.pad_token_id
    measure = _of_rows if fast else partial(_of_transformers, pad_id=int(pad) if pad is not None else end_ids[0])

    def run(indices: list[int], _: int) -> Iterator[list[tuple[int, torch.Tensor]]]:
        entropies = Entropies(settings, end_ids)
        with generating(model), autocast(model):
            measure(model, [first[index] for index in indices], entropies, most)
        sums = entropies.sums()
        yield [(index, sums if index == indices[0] else torch.zeros_like(sums)) for index in indices]

    lengths = [len(ids) + most for ids in first]
    parts = dict(in_batches(lengths, run, DIALOGUES, lambda _: DIALOGUES, splits_of(model)))
    *means, tokens = torch.stack(list(parts.values())).sum(dim=0).tolist()
    return {value: total / tokens for value, total in zip(TEMPERATURES, means, strict=True)}


class Entropies:
    """Sums, for each of `TEMPERATURES`, the entropies of the distributions that tokens would be drawn from."""

    def __init__(self, settings: GenerationSettings, end_ids: Sequence[int]) -> None:
        self._warps = [warpers(settings.model_copy(update={"temperature": value})) for value in TEMPERATURES]
        self._ends = end_ids
        self._going = self._sums = torch.zeros(0)

    def take(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the most likely tokens by logits (rows, vocabulary), and add the entropies of rows that go on."""
        if not len(self._going):
            self._going = torch.ones(len(logits), dtype=torch.float64, device=logits.device)
            self._sums = self._going.new_zeros(len(TEMPERATURES) + 1)
        scores = logits.float()
        of_rows = [torch.special.entr(warp(None, scores).softmax(dim=-1)).sum(dim=-1) for warp in self._warps]
        self._sums += torch.stack([*of_rows, torch.ones_like(of_rows[0])]).double() @ self._going
        tokens = scores.argmax(dim=-1)
        ends = torch.tensor(list(self._ends), device=tokens.device)
        self._going = self._going * (tokens[:, None] != ends).all(dim=1)
        return tokens

    def sums(self) -> torch.Tensor:
        """Return the sum at each temperature, and at last the number of tokens, (temperatures + 1,), float64."""
        return self._sums.cpu()


def _of_rows(model: Any, prompts: list[list[int]], entropies: Entropies, most: int) -> None:
    rows = RowBatch(CachedDecoder(model))
    tokens = entropies.take(rows.add(prompts))
    for _ in range(most - 1):
        tokens = entropies.take(rows.step(tokens.tolist()))


def _of_transformers(model: Any, prompts: list[list[int]], entropies: Entropies, most: int, *, pad_id: int) -> None:
    input_ids, mask = left_padded(prompts, pad_id, model.get_input_embeddings().weight.device)
    model.generate(
        input_ids=input_ids,
        attention_mask=mask,
        max_new_tokens=most,
        do_sample=False,
        num_beams=1,
        pad_token_id=pad_id,
        use_cache=True,
        logits_processor=LogitsProcessorList([_Watch(entropies)]),
    )


class _Watch(LogitsProcessor):
    """Gives each step's logits to `Entropies`."""

    def __init__(self, entropies: Entropies) -> None:
        self._entropies = entropies

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the scores as they are."""
        self._entropies.take(scores)
        return scores
