"""Generating summaries: the training prompt, left padding, batches of similar length, results as they come."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from transformers import LogitsProcessorList, PreTrainedTokenizerFast

from ..config.schema import EvaluationSettings, GenerationSettings
from ..data.prompt.reasoning import without_reasoning
from ..data.prompt.templates import PromptTemplate
from ..decoder.cached_decoder import CachedDecoder
from ..decoder.generation import generate
from ..decoder.picking import row_seed
from ..models.autocast import autocast
from ..models.generation_settings import end_ids_of
from ..ranks.group import note_progress
from .batches import in_batches, largest_batch, rows_that_fit, splits_of
from .cache_size import cache_size
from .dealt import dealt
from .decoding import answer_text
from .generating_mode import generating as generating
from .generating_mode import left_padded
from .loops import tokens_before_repetition
from .mbr import MbrChooser, places_to_choose
from .mbr_start import StartSamples
from .mbr_temperature import MbrTemperature, is_open, mbr_temperature
from .probe import generates_fast
from .sampling import EndWhereNothingIsLeft, SummaryNGrams, sampling_processors


@dataclass(frozen=True)
class Generated:
    """A summary, and whether it ended by itself (False: it ran into `decoder_max_len`).

    `with_reasoning` is the whole text, where the model wrote reasoning in tags: `text` is without it. `looped` tells
    whether it ended in a loop.
    """

    text: str
    ended: bool
    with_reasoning: str | None = None
    looped: bool = False

    @property
    def written(self) -> str:
        """Return all that the model wrote."""
        return self.text if self.with_reasoning is None else self.with_reasoning


def generate_summaries(
    model: Any,
    tokenizer: PreTrainedTokenizerFast,
    prompt: PromptTemplate,
    dialogues: Sequence[str],
    settings: GenerationSettings,
    on_result: Callable[[int, Generated], None] = lambda index, result: None,
    scoring: EvaluationSettings | None = None,
    start: StartSamples | None = None,
) -> list[Generated]:
    """Return a summary for each dialogue (one turn a line), in their order.

    The model, with or without adapter, gets its mode and cache setting back; `prompt` is the template that it was
    trained with. `on_result` is called with a dialogue's index and summary as soon as it is there; long dialogues come
    first. `scoring` says what ROUGE counts, for MBR; `start`, what draws the samples that are only compared with.

    Raises:
        YoyakError: one dialogue alone does not fit into memory.
    """
    prompts = prompt.encode_prompts(dialogues)
    stream = partial(
        stream_summaries,
        model,
        tokenizer,
        settings=settled(settings, model, tokenizer, prompts, prompt.end_id, prompt.decoder_max_len),
        end_id=prompt.end_id,
        max_new_tokens=prompt.decoder_max_len,
        scoring=scoring,
        start=start,
    )
    return dealt(prompts, stream, on_result)


def settled(
    settings: GenerationSettings,
    model: Any,
    tokenizer: Any,
    prompts: Sequence[list[int]],
    end_id: int,
    max_new_tokens: int,
    say: Callable[[MbrTemperature], None] = lambda found: logging.getLogger("yoyak").info("%s", found.sentence()),
) -> GenerationSettings:
    """Return settings with a number for `mbr_temperature`, found on the first of all prompts where it is `auto`.

    Without MBR, or with a number already, they come back as they are. All ranks have to call it together, with the
    prompts of all of them. `say` is called with what is found.
    """
    if not is_open(settings) or not prompts:
        return settings
    found = mbr_temperature(model, tokenizer, prompts, settings, end_ids_of(model, end_id), max_new_tokens)
    say(found)
    return settings.model_copy(update={"mbr_temperature": found.value})


def stream_summaries(
    model: Any,
    tokenizer: PreTrainedTokenizerFast,
    prompts: Sequence[list[int]],
    settings: GenerationSettings,
    *,
    end_id: int,
    max_new_tokens: int,
    scoring: EvaluationSettings | None = None,
    start: StartSamples | None = None,
) -> Iterator[tuple[int, Generated]]:
    """Yield the index and the summary of each prompt (token ids) as soon as it is there; see `generate_summaries`.

    `end_id` is the token that ends a summary in training; the model's own ends (`model.generation_config`) do too.
    What is drawn with `start` is drawn before this returns.
    """
    samples, ends, references = 1, end_ids_of(model, end_id), list[list[str]]()
    if settings.mbr_samples:  # the most likely summary is a candidate too, the first one
        samples += settings.mbr_samples
        settings = settled(settings, model, tokenizer, prompts, end_id, max_new_tokens)
        if start is not None:
            references = _by_start(model, tokenizer, prompts, settings, start, ends, max_new_tokens)
        settings = settings.model_copy(update={"do_sample": True, "temperature": settings.mbr_temperature})
    repeated = [ids for ids in prompts for _ in range(samples)]
    seeds = [_seed(settings, place, ids) for ids in prompts for place in range(samples)]
    made = (
        (number, _generated(tokenizer, ids, ends, settings.truncates_loops))
        for number, ids in _stream_ids(model, tokenizer, repeated, settings, seeds, ends, max_new_tokens)
    )
    if samples == 1:
        return made
    references = references or [[]] * len(prompts)
    return _chosen(made, references, samples, settings, scoring or EvaluationSettings())


def _by_start(
    model: Any,
    tokenizer: PreTrainedTokenizerFast,
    prompts: Sequence[list[int]],
    settings: GenerationSettings,
    start: StartSamples,
    ends: Sequence[int],
    max_new_tokens: int,
) -> list[list[str]]:
    """Return the samples of each prompt that are drawn with `start`; their seeds go on after those of the others."""
    count = settings.mbr_samples
    repeated = [ids for ids in prompts for _ in range(count)]
    seeds = [row_seed(settings.seed, count + place, ids) for ids in prompts for place in range(count)]
    how = settings.model_copy(update={"do_sample": True, "temperature": start.temperature})
    texts = [[""] * count for _ in prompts]
    with start.adapter.in_place():
        for number, ids in _stream_ids(model, tokenizer, repeated, how, seeds, ends, max_new_tokens):
            texts[number // count][number % count] = _generated(tokenizer, ids, ends).text
            note_progress()
    return texts


def _generated(
    tokenizer: PreTrainedTokenizerFast, ids: list[int], ends: Sequence[int], truncates: bool = False
) -> Generated:
    kept = tokens_before_repetition(ids, ends)
    written = answer_text(tokenizer, ids[:kept] if truncates else ids, ends)
    text, reasoned = without_reasoning(written)
    return Generated(text, not set(ends).isdisjoint(ids), written if reasoned else None, kept is not None)


def _chosen(
    made: Iterator[tuple[int, Generated]],
    references: Sequence[Sequence[str]],
    samples: int,
    settings: GenerationSettings,
    scoring: EvaluationSettings,
) -> Iterator[tuple[int, Generated]]:
    """Yield for each dialogue, of which there are `samples` summaries in a row, the one that MBR chooses.

    `references` are each dialogue's further texts, equally many, that candidates are scored against. One that ran into
    the limit is chosen only where none has ended; others are scored against it all the same.
    """
    candidates: dict[int, dict[int, Generated]] = {}
    places: dict[int, list[int]] = {}
    how = settings.mbr_metric, scoring.tokenization, scoring.stemmer
    with MbrChooser(len(references), samples, *how, len(references[0]) if references else 0) as chooser:
        for number, result in made:
            index, place = divmod(number, samples)
            its = candidates.setdefault(index, {})
            its[place] = result
            if len(its) == samples:
                ended = places_to_choose([its[place].ended for place in range(samples)])
                cut = [its[place].text for place in range(samples) if place not in ended]
                places[index] = ended
                chooser.add(index, [its[place].text for place in ended], [*references[index], *cut])
                for done, choice in chooser.chosen().items():
                    yield done, candidates.pop(done)[places.pop(done)[choice]]
        for done, choice in chooser.chosen(wait=True).items():
            yield done, candidates.pop(done)[places.pop(done)[choice]]


def _stream_ids(
    model: Any,
    tokenizer: PreTrainedTokenizerFast,
    prompts: Sequence[list[int]],
    settings: GenerationSettings,
    seeds: Sequence[int | None],
    end_ids: Sequence[int],
    max_new_tokens: int,
) -> Iterator[tuple[int, list[int]]]:
    """Yield index and new ids of each prompt as they end; there is a seed for each (None: it is not drawn).

    The only place that knows how tokens are made.
    """
    pad = tokenizer.pad_token_id
    pad_id = int(pad) if pad is not None else end_ids[0]
    fast = generates_fast(model)

    def run(indices: list[int], rows: int) -> Iterator[list[tuple[int, list[int]]]]:
        chosen = [prompts[index] for index in indices]
        its_seeds = [seeds[index] for index in indices]
        if fast:
            how: dict[str, Any] = {"max_new_tokens": max_new_tokens, "end_ids": end_ids, "rows": rows}
            parts = generate(
                CachedDecoder(model), chosen, settings, **how, seeds=its_seeds if settings.do_sample else ()
            )
        else:
            parts = _by_transformers(model, chosen, settings, its_seeds, max_new_tokens, end_ids, pad_id)
        while True:
            with generating(model), autocast(model):  # and not while the caller works
                part = next(parts, None)
            if part is None:
                return
            yield [(indices[number], ids) for number, ids in part]

    lengths = [(len(ids) + max_new_tokens) * settings.num_beams for ids in prompts]
    refilled = fast and settings.num_beams == 1  # with beams, as many rows with fewer dialogues
    most = largest_batch(settings.batch_size, model.get_input_embeddings().weight.device.type, rows_refill=refilled)
    return in_batches(lengths, run, most, _room(model, settings, fast), splits_of(model), refills=fast)


def _room(model: Any, settings: GenerationSettings, fast: bool) -> Callable[[int], int]:
    """Return how many prompts fit at a time, given the tokens of one with all its beams."""
    tokens, beams = settings.batch_tokens, settings.num_beams
    if tokens:
        return lambda longest: tokens // longest
    size = cache_size(model, fast).times(beams)
    rows = rows_that_fit(size, model.get_input_embeddings().weight.device)
    return lambda longest: rows(longest // beams)


def _seed(settings: GenerationSettings, place: int, prompt: list[int]) -> int | None:
    """Return the seed of one of a prompt's summaries; with MBR the first is not drawn."""
    if not settings.mbr_samples:
        return row_seed(settings.seed, place, prompt)
    return row_seed(settings.seed, place - 1, prompt) if place else None


def _by_transformers(
    model: Any,
    prompts: Sequence[list[int]],
    settings: GenerationSettings,
    seeds: Sequence[int | None],
    max_new_tokens: int,
    end_ids: Sequence[int],
    pad_id: int,
) -> Iterator[list[tuple[int, list[int]]]]:
    """Yield all prompts of a batch with their new ids, which have the token that ended each and padding after them.

    Of several beams it is the best that has ended, or where none has, the best of those that were cut.
    """
    input_ids, attention_mask = left_padded(prompts, pad_id, model.get_input_embeddings().weight.device)
    processors = LogitsProcessorList()
    if settings.no_repeat_ngram_size:
        n_grams = SummaryNGrams(settings.no_repeat_ngram_size, input_ids.shape[1])
        processors.extend([n_grams, EndWhereNothingIsLeft(end_ids[0])])
    if settings.do_sample:
        processors.extend(sampling_processors(settings, seeds))
    count = settings.num_beams
    beams = {"length_penalty": settings.length_penalty, "num_return_sequences": count} if count > 1 else {}
    output = model.generate(
        input_ids=input_ids,
        attention_mask=attention_mask,
        max_new_tokens=max_new_tokens,
        min_new_tokens=settings.min_new_tokens or None,
        do_sample=False,  # the draw is a logits processor, so that it has a seed for each row
        num_beams=count,
        repetition_penalty=settings.repetition_penalty,
        logits_processor=processors,
        eos_token_id=list(end_ids),
        pad_token_id=pad_id,
        use_cache=True,
        **beams,
    )
    found = output[:, input_ids.shape[1] :].tolist()
    of_prompts = (found[first : first + count] for first in range(0, len(found), count))
    ended = (next((ids for ids in its if not set(end_ids).isdisjoint(ids)), its[0]) for its in of_prompts)
    yield list(enumerate(ended))
