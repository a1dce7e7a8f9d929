"""Generating summaries: the training prompt, left padding, batches of similar length."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast

from ..config.schema import GenerationSettings
from ..data.templates import PromptTemplate


@dataclass(frozen=True)
class Generated:
    """A summary, and whether it ended by itself (False: it ran into `decoder_max_len`)."""

    text: str
    ended: bool


def generate_summaries(
    model: Any,
    tokenizer: PreTrainedTokenizerFast,
    prompt: PromptTemplate,
    dialogues: Sequence[str],
    settings: GenerationSettings,
    on_progress: Callable[[int], None] = lambda _: None,
) -> list[Generated]:
    """Return a summary for each dialogue, in their order.

    Args:
        model: a causal language model, with or without adapter; its mode and cache setting are given back.
        tokenizer: to decode.
        prompt: the template that the model was trained with.
        dialogues: one turn a line.
        settings: batch size and decoding.
        on_progress: called after each batch with the number of its dialogues.
    """
    prompts = prompt.encode_prompts(dialogues)
    results: list[Generated | None] = [None] * len(prompts)
    with generating(model), autocast(model):
        for batch in _batches([len(ids) for ids in prompts], settings.batch_size):
            rows = _generate(model, tokenizer, prompt, [prompts[index] for index in batch], settings)
            for index, ids in zip(batch, rows, strict=True):
                ended = prompt.end_id in ids
                ids = ids[: ids.index(prompt.end_id)] if ended else ids
                text = str(tokenizer.decode(ids, skip_special_tokens=True)).strip()
                results[index] = Generated(text, ended)
            on_progress(len(batch))
    return [result for result in results if result is not None]


def _batches(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield indices of similar length together, the longest first."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _generate(
    model: Any,
    tokenizer: PreTrainedTokenizerFast,
    prompt: PromptTemplate,
    prompts: Sequence[list[int]],
    settings: GenerationSettings,
) -> list[list[int]]:
    """Return the new ids of each prompt, still with end and pad tokens."""
    width = max(len(ids) for ids in prompts)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else prompt.end_id
    device = model.get_input_embeddings().weight.device
    input_ids = torch.tensor([[pad] * (width - len(ids)) + ids for ids in prompts], device=device)
    attention_mask = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts], device=device)
    sampling = {"temperature": settings.temperature, "top_p": settings.top_p} if settings.do_sample else {}
    beams = {"length_penalty": settings.length_penalty} if settings.num_beams > 1 else {}
    output = model.generate(
        input_ids=input_ids,
        attention_mask=attention_mask,
        max_new_tokens=prompt.decoder_max_len,
        do_sample=settings.do_sample,
        num_beams=settings.num_beams,
        repetition_penalty=settings.repetition_penalty,
        no_repeat_ngram_size=settings.no_repeat_ngram_size,
        eos_token_id=prompt.end_id,
        pad_token_id=pad,
        use_cache=True,
        **sampling,
        **beams,
    )
    rows: list[list[int]] = output[:, width:].tolist()
    return rows


@contextmanager
def generating(model: Any) -> Iterator[None]:
    """Put a model into eval mode without gradients, and give its training mode back afterwards."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)


def autocast(model: Any) -> AbstractContextManager[Any]:
    """Return autocast to the base model's 16-bit type: adapters are float32 and would slow every product down."""
    weight = model.get_input_embeddings().weight
    if weight.dtype in (torch.bfloat16, torch.float16):
        return torch.autocast(weight.device.type, dtype=weight.dtype)
    return nullcontext()
