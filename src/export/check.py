"""What an export costs in loss: the same examples through the adapter on its base, and through what was written."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from ..config.schema import Config, DataSettings
from ..data.batches.padding import RightPadder
from ..data.files.sources import load_dialogues
from ..data.prompt.templates import IGNORE, EncodedExample, PromptTemplate
from ..errors import YoyakError
from ..models.autocast import autocast
from ..models.causal_head import without_wrapper
from ..models.compute import DtypeName, resolve_compute
from ..models.loaded_weights import load_weights
from ..training.loss import response_loss

_ROUNDING = 0.02
_LOW_BITS = {"q6": 0.1, "q5": 0.3, "q4": 0.5, "iq4": 0.5, "q3": 0.8, "q2": 1.0}
_TOKEN_NOISE = 0.3
"""What rounding adds at most: shares of the loss, by the quantization, and nats times the root of the target tokens.

Twice or more what was measured on the 135M model, which loses most, after 6 steps: of one example of 25 targets 0.041
nats in bf16, 0.007 in q8_0; of 12, 0.004 in bf16. Of the loss 2% in q6_k, 14% in q5_k, 21% in q4_k, 42% in q3_k. q2_k
left nothing of that model (2.19 became 10.97), which is refused.
"""


def mean_loss(model: Any, examples: Sequence[EncodedExample]) -> float:
    """Return the mean loss over the target tokens of some examples, in nats, one example at a time."""
    core = without_wrapper(model)
    device = model.get_input_embeddings().weight.device
    was_training, total, targets = model.training, 0.0, 0
    model.eval()
    with torch.inference_mode(), autocast(model):
        for example in examples:
            item = {"input_ids": torch.tensor(example.input_ids), "labels": torch.tensor(example.labels)}
            item["attention_mask"] = torch.ones_like(item["input_ids"])
            batch = {name: values.to(device) for name, values in RightPadder(0)([item]).items()}
            loss, count = response_loss(core, batch)
            total, targets = total + float(loss), targets + count
    model.train(was_training)
    return total / targets


def check_examples(
    config: Config, prompt: PromptTemplate, count: int, say: Callable[[str], None] = lambda _: None
) -> list[EncodedExample]:
    """Return the first `count` evaluation dialogues, or the language's sample where that file is not here."""
    if not count:
        return []
    try:
        rows = load_dialogues(config.data.eval, config.data).rows
    except YoyakError as error:
        sample = f"sample:{config.dataset.language}/dev.csv"
        say(f"The loss is checked on {sample}: {error}")
        rows = load_dialogues(sample, DataSettings()).rows
    rows = rows[:count]
    return prompt.encode_examples([row.dialogue for row in rows], [row.summary for row in rows])


def loss_of_file(
    read: Callable[[torch.dtype], Any], examples: Sequence[EncodedExample], dtype: DtypeName, say: Callable[[str], None]
) -> float:
    """Return the loss of a model that was written, from its files: `read` gives it on the CPU in a type.

    Computed on the device and in the type that a run with `model.dtype` computes in; on the CPU, which `say` is told,
    where the GPU has no room.
    """
    compute = resolve_compute(dtype)
    model = read(compute.torch_dtype)
    try:
        return mean_loss(model.to(compute.device), examples)
    except torch.OutOfMemoryError:
        say("The GPU has no room to check what was written; checking on the CPU ...")
        return mean_loss(model.to("cpu"), examples)


def folder_reader(folder: Path, trust_remote_code: bool) -> Callable[[torch.dtype], Any]:
    """Return what reads a folder of transformers in a type, as others will."""
    from transformers import AutoModelForCausalLM

    def read(dtype: torch.dtype) -> Any:
        arguments = {"dtype": dtype, "trust_remote_code": trust_remote_code}
        return load_weights(str(folder), AutoModelForCausalLM.from_pretrained, lambda _: None, **arguments)

    return read


def refuse_broken(trained: float, where: object) -> None:
    """Raise YoyakError where the loss before the export is no number."""
    if not math.isfinite(trained):
        raise YoyakError(f"{where}: its loss is {trained}: the adapter or its base is broken; train it again")


def most_rise(before: float, examples: Sequence[EncodedExample], quantization: str) -> float:
    """Return by how much rounding may raise a loss, in nats.

    A share of the loss, by the quantization, and a part that falls with the root of the number of target tokens.
    """
    targets = sum(label != IGNORE for example in examples for label in example.labels)
    share = _LOW_BITS.get(quantization.partition("_")[0], _ROUNDING)
    return share * before + _TOKEN_NOISE / math.sqrt(targets)


def refuse_risen(where: str, before: float, after: float, most: float) -> None:
    """Raise YoyakError, naming both losses, where that of an export is above the one before by more than `most`."""
    if not after <= before + most:  # NaN compares as false
        raise YoyakError(
            f"{where}: the loss was {before:.4f} before and is {after:.4f} as written, which rounding does not explain "
            f"(up to {before + most:.4f}); nothing was kept"
        )
