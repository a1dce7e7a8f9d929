"""The samples of MBR that the model before refining draws: candidates are compared with them, none of them is chosen.

A refined model is pushed to the mode of what it wrote before; the model before it still says how references are
distributed. Both have one base: the other adapter's values take the place of the refined one's while they draw.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..bilingual import Text
from ..config.schema import GenerationSettings
from ..models.adapter_values import AdapterValues
from .mbr_temperature import mbr_temperature


@dataclass(frozen=True)
class StartSamples:
    """What they are drawn with: the values of the adapter before refining, and a temperature of its own."""

    adapter: AdapterValues
    temperature: float


def start_samples(
    folder: Path,
    model: Any,
    tokenizer: Any,
    prompts: Sequence[list[int]],
    settings: GenerationSettings,
    end_ids: Sequence[int],
    max_new_tokens: int,
    say: Callable[[Text], None],
    temperature: float | None = None,
) -> StartSamples:
    """Return what the samples before refining are drawn with, and say it. All ranks have to call it together.

    Args:
        folder: of the adapter before refining, which has the form of the model's own.
        model: refined.
        tokenizer: as in `mean_entropies`, as are the prompts, of which there is one, `end_ids` and `max_new_tokens`.
        prompts: of all dialogues, on all ranks.
        settings: of generation, whose temperature is the refined model's and has no part in this.
        end_ids: tokens that end a summary.
        max_new_tokens: of a summary.
        say: is called with a sentence.
        temperature: found earlier; by default the one that `mbr_temperature` finds for the model before refining.
    """
    adapter = AdapterValues(model, folder)
    if temperature is None:
        with adapter.in_place():
            found = mbr_temperature(model, tokenizer, prompts, settings, end_ids, max_new_tokens)
        temperature = found.value
    start = StartSamples(adapter, temperature)
    say(
        Text(
            f"MBR: the samples are also compared with as many of the model before refining ({folder}), drawn at "
            f"temperature {temperature} and not chosen from",
            f"MBR: refine 전 모델({folder})이 온도 {temperature}에서 같은 수의 표본을 뽑으며, 비교에만 쓰고 고르지는 "
            "않습니다",
        )
    )
    return start
