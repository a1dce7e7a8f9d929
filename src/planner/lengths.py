"""Lengths of a run's examples: from the data, tokenized once and cached; from a shipped histogram; or by hand."""

import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..architectures import ARCHITECTURES, TOKENIZERS
from ..errors import YoyakError
from .model_shape import ModelShape
from .step_work import ExampleTokens

_SHIPPED = Path(__file__).parent / "lengths.json"
BY_HAND_EXAMPLES = 12_457
_RESPONSE_SHARE = 0.15  # of an example's tokens, where only whole lengths are given


@dataclass(frozen=True)
class Lengths:
    """Tokens of each example's prompt, before anything is cut, and of its response with the end token.

    Attributes:
        source: where they come from, in words.
        estimated: whether no tokenizer counted them.
        own: tokens of the prompt's own text, under each sentence that it may have before a dialogue, the usual one
            first; empty where no tokenizer counted them.
    """

    prompts: Sequence[int]
    responses: Sequence[int]
    source: str
    estimated: bool = False
    own: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.prompts)

    def examples(self, longest_prompt: int) -> tuple[ExampleTokens, ...]:
        """Return tokens and targets of each example, its prompt shortened to at most `longest_prompt`."""
        pairs = zip(self.prompts, self.responses, strict=True)
        longest = longest_prompt  # without `min`: a form's plan is made anew at each turn of a setting
        return tuple([((longest if prompt > longest else prompt) + count, count) for prompt, count in pairs])

    def cut(self, longest_prompt: int) -> tuple[int, int]:
        """Return how many prompts are shortened, and by how many tokens in all."""
        over = [prompt - longest_prompt for prompt in self.prompts if prompt > longest_prompt]
        return len(over), sum(over)

    def first(self, most: int | None) -> "Lengths":
        """Return the first `most` examples."""
        if most is None or most >= len(self):
            return self
        return replace(self, prompts=self.prompts[:most], responses=self.responses[:most])

    def repeated(self, times: int) -> "Lengths":
        """Return each example so many times, side by side (the augmentation's instructions are of similar length)."""
        prompts = [prompt for prompt in self.prompts for _ in range(times)]
        return replace(self, prompts=prompts, responses=[count for count in self.responses for _ in range(times)])


def tokenizer_family(shape: ModelShape, layout: str) -> str:
    """Return the tokenizer whose shipped figures stand for a model's.

    The one of its vocabulary's size, else the only one of its chat layout, else its architecture's, else the one whose
    vocabulary is nearest in size.
    """
    known = [tokenizer.name for tokenizer in TOKENIZERS.values() if shape.vocabulary in tokenizer.vocabularies]
    alike = [tokenizer.name for tokenizer in TOKENIZERS.values() if tokenizer.layout.name == layout]
    its = [ARCHITECTURES[shape.kind].tokenizer.name] if shape.kind in ARCHITECTURES else []
    apart = {name: abs(math.log(one.vocabularies[0] / shape.vocabulary)) for name, one in TOKENIZERS.items()}
    found = next((names[0] for names in (known, alike, its) if len(names) == 1), None)
    return found or min(apart, key=apart.__getitem__)


def shipped_lengths(family: str, examples: int | None = None) -> Lengths:
    """Return the shipped histogram's examples, in a fixed random order, or so many drawn from it."""
    lengths = _histogram(family).first(examples)
    return replace(lengths, source=f"the shipped histogram of {len(lengths):,} Korean dialogues")


@lru_cache(maxsize=4)
def _histogram(family: str) -> Lengths:
    cells = _shipped()["histograms"][family]
    pairs = [(tokens - targets, targets) for tokens, targets, count in cells for _ in range(count)]
    random.Random(0).shuffle(pairs)
    return Lengths(tuple(prompt for prompt, _ in pairs), tuple(count for _, count in pairs), family)


def lengths_by_hand(text: str, examples: int = BY_HAND_EXAMPLES) -> Lengths:
    """Return lengths on a log-normal curve with the mean, 95th percentile and maximum of `--lengths mean,p95,max`.

    Raises:
        YoyakError: not three rising numbers.
    """
    from statistics import NormalDist

    try:
        mean, high, longest = (float(part) for part in text.split(","))
    except ValueError:
        raise YoyakError(f"--lengths {text}: give three numbers, mean,p95,max, such as 300,600,1200") from None
    if not 8 <= mean <= high <= longest < 1e6:
        raise YoyakError(f"--lengths {text}: mean, p95 and max must rise, from 8 tokens on, such as 300,600,1200")
    # The s for which the 95th percentile of the curve is as many times its mean as said: 1.645 s - s^2 / 2 = ln ratio.
    inside = 1.645**2 - 2 * math.log(high / mean)
    spread = 1.645 - math.sqrt(inside) if inside > 0 else 1.645
    middle = math.log(mean) - spread**2 / 2
    normal = NormalDist()
    quantiles = [normal.inv_cdf((index + 0.5) / examples) for index in range(examples)]
    totals = [min(longest, max(8.0, math.exp(middle + spread * q))) for q in quantiles]
    totals[-1] = longest
    random.Random(0).shuffle(totals)
    responses = [max(2, round(total * _RESPONSE_SHARE)) for total in totals]
    prompts = [round(total) - response for total, response in zip(totals, responses, strict=True)]
    return Lengths(prompts, responses, f"--lengths {text}", estimated=True)


def estimated_lengths(
    dialogues: Sequence[str], summaries: Sequence[str], family: str, language: str, source: str
) -> Lengths:
    """Return lengths from characters, by the family's shipped tokens per character and tokens around a dialogue."""
    rates = _shipped()["tokens_per_character"][family][language]
    overhead = _shipped()["prompt_overhead"][family][language]
    prompts = [round(len(text.strip()) * rates["dialogue"]) + overhead for text in dialogues]
    responses = [round(len(text.strip()) * rates["summary"]) + 1 for text in summaries]
    return Lengths(prompts, responses, source, estimated=True)


@lru_cache(maxsize=1)
def _shipped() -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = json.loads(_SHIPPED.read_text(encoding="utf-8"))
    return content
