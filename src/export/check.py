"""What an export costs in loss: the same examples through the adapter on its base, and through what was made of it."""

from collections.abc import Sequence
from typing import Any

import torch
from peft import PeftModel

from ..config.schema import Config, DataSettings
from ..data.padding import RightPadder
from ..data.sources import load_dialogues
from ..data.templates import EncodedExample, PromptTemplate
from ..errors import YoyakError
from ..inference.generator import autocast
from ..models.compute import DtypeName, resolve_compute
from ..training.loss import response_loss


def mean_loss(model: Any, examples: Sequence[EncodedExample]) -> float:
    """Return the mean loss over the target tokens of some examples, in nats, one example at a time."""
    core = model.get_base_model() if isinstance(model, PeftModel) else model
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


def check_examples(config: Config, prompt: PromptTemplate, count: int) -> list[EncodedExample]:
    """Return the first `count` evaluation dialogues, or the language's sample where that file is not here."""
    if not count:
        return []
    try:
        rows = load_dialogues(config.data.eval, config.data).rows
    except YoyakError:
        rows = load_dialogues(f"sample:{config.dataset.language}/dev.csv", DataSettings()).rows
    rows = rows[:count]
    return prompt.encode_examples([row.dialogue for row in rows], [row.summary for row in rows])


def loss_of_merged(model: Any, examples: Sequence[EncodedExample], dtype: DtypeName) -> float | None:
    """Return the loss of a merged model that is not needed any more; None where the GPU has no room for it.

    Computed on the device and in the type that a run with `model.dtype` computes in, from the weights as rounded.
    """
    compute = resolve_compute(dtype)
    try:
        return mean_loss(model.to(compute.device, compute.torch_dtype), examples)
    except torch.OutOfMemoryError:
        return None
