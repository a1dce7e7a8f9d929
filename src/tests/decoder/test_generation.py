"""Rows that join and leave: everyone gets what they get alone, by transformers, whatever goes beside them."""

from itertools import count

import pytest
import torch
from transformers import LogitsProcessorList

from src.config.schema import GenerationSettings
from src.decoder import choosing_batch, row_batch
from src.decoder.cached_decoder import CachedDecoder
from src.decoder.generation import generate
from src.decoder.picking import row_seed
from src.inference.sampling import SummaryNGrams, sampling_processors
from src.tests.decoder.test_cached_decoder import PROMPTS, model_of

END = 40  # greedy summaries end after 3 to 16 tokens


@pytest.fixture(scope="module")
def model():
    return model_of("llama", adapter=True)


def ours(model, settings, prompts=PROMPTS, *, seeds=(), rows=None, most=20, ends=(END,)):
    """Return each prompt's new ids."""
    how = {"max_new_tokens": most, "end_ids": list(ends), "seeds": seeds, "rows": rows}
    found = dict(pair for part in generate(CachedDecoder(model), prompts, settings, **how) for pair in part)
    assert len(found) == len(prompts)
    return [found[number] for number in range(len(prompts))]


def theirs(model, settings, prompts=PROMPTS, *, seeds=(), most=20, ends=(END,)):
    """Return the same by transformers, a prompt at a time."""
    found = []
    for number, prompt in enumerate(prompts):
        processors = LogitsProcessorList()
        if settings.no_repeat_ngram_size:
            processors.append(SummaryNGrams(settings.no_repeat_ngram_size, len(prompt)))
        if seeds:
            processors.extend(sampling_processors(settings, [seeds[number]]))
        output = model.generate(
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=most,
            min_new_tokens=settings.min_new_tokens or None,
            repetition_penalty=settings.repetition_penalty,
            do_sample=False,
            eos_token_id=list(ends),
            pad_token_id=0,
            logits_processor=processors,
        )
        found.append(output[0, len(prompt) :].tolist())
    return found


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_the_next_prompts_join_where_others_have_left(model, rows):
    expected = theirs(model, GenerationSettings(), PROMPTS * 3)
    assert len({len(ids) for ids in expected}) > 2
    assert ours(model, GenerationSettings(), PROMPTS * 3, rows=rows) == expected


@pytest.mark.parametrize("rows", [1, 3, 5])
@pytest.mark.parametrize("size", [0, 2])
def test_empty_rows_and_unseen_ends_change_nothing(model, monkeypatch, rows, size):
    """As on a GPU: rows rounded up, eight steps between two looks."""
    settings = GenerationSettings(no_repeat_ngram_size=size)
    expected = theirs(model, settings, PROMPTS * 3)
    for module in (row_batch, choosing_batch):
        monkeypatch.setattr(module, "padded_rows", lambda rows, device: 1 << (rows - 1).bit_length())

    def advance(batch):
        for _ in range(8 if len(batch) else 0):
            batch._stepped(row_batch.padded_rows(len(batch), batch.device))

    monkeypatch.setattr(choosing_batch.ChoosingBatch, "advance", advance)
    assert ours(model, settings, PROMPTS * 3, rows=rows) == expected


@pytest.mark.parametrize(
    "settings",
    [
        {"do_sample": True},
        {"do_sample": True, "temperature": 0.6, "top_k": 12},
        {"do_sample": True, "top_p": 0.7, "min_new_tokens": 6},
        {"do_sample": True, "repetition_penalty": 1.4},
        {"repetition_penalty": 1.4},
        {"min_new_tokens": 7},
        {"no_repeat_ngram_size": 1},
        {"no_repeat_ngram_size": 2, "repetition_penalty": 0.7, "min_new_tokens": 12},
        {"do_sample": True, "no_repeat_ngram_size": 1, "top_k": 2},
        {"do_sample": True, "no_repeat_ngram_size": 2, "repetition_penalty": 0.7, "top_p": 0.9, "temperature": 0.5},
    ],
    ids=str,
)
def test_settings_mean_what_they_mean_to_transformers(model, settings):
    settings = GenerationSettings(**settings)
    seeds = [row_seed(3, 0, ids) for ids in PROMPTS] if settings.do_sample else ()
    expected = theirs(model, settings, seeds=seeds)
    assert ours(model, settings, seeds=seeds, rows=2) == expected
    assert ours(model, settings, seeds=seeds) == expected
    assert expected != theirs(model, GenerationSettings())


@pytest.mark.parametrize("family", ["qwen3", "exaone4", "gemma3_text", "qwen3_5_text"])
def test_no_family_writes_an_n_gram_twice(family):
    model, settings = model_of(family, adapter=True), GenerationSettings(no_repeat_ngram_size=2)
    found = ours(model, settings, ends=(-1,), rows=2)
    assert found == theirs(model, settings, ends=(99,))
    assert repeated(found, 2) == 0 < repeated(ours(model, GenerationSettings(), ends=(-1,)), 2)


def repeated(found, size):
    """Return how many n-grams of so many tokens come again."""
    grams = [[tuple(ids[place : place + size]) for place in range(len(ids) - size + 1)] for ids in found]
    return sum(len(its) - len(set(its)) for its in grams)


def test_n_grams_that_never_come_twice_change_no_draw(model):
    """As long as the longest summary, they can't; of 6 tokens none does."""
    plain, seeds = GenerationSettings(do_sample=True), [row_seed(0, 0, ids) for ids in PROMPTS]
    free = ours(model, plain, seeds=seeds)
    assert repeated(free, 6) == 0 < repeated(free, 1)
    for size in (6, 19, 20, 10**9):
        assert ours(model, plain.model_copy(update={"no_repeat_ngram_size": size}), seeds=seeds, rows=2) == free
    assert ours(model, plain.model_copy(update={"no_repeat_ngram_size": 1}), seeds=seeds, rows=2) != free


@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_longest_n_gram_that_can_come_twice_has_a_token_less_than_the_summary(model, size):
    same = GenerationSettings(repetition_penalty=1e-6)  # one token again and again
    settings = same.model_copy(update={"no_repeat_ngram_size": size})
    found, free = (ours(model, how, most=size + 1, ends=(-1,)) for how in (settings, same))
    assert found == theirs(model, settings, most=size + 1, ends=(99,))
    assert found != free
    assert [ids[:-1] for ids in found] == [ids[:-1] for ids in free]


def test_all_of_several_ends_end_a_row_and_are_kept(model):
    free = ours(model, GenerationSettings(), ends=(-1,))
    never = next(token for token in count() if not any(token in ids for ids in free))
    ends = (never, free[0][3], free[1][2])
    cut = [next((ids[: place + 1] for place, token in enumerate(ids) if token in ends), ids) for ids in free]
    assert ours(model, GenerationSettings(), ends=ends) == cut
    assert len(cut[0]) <= 4
    assert len(cut[1]) <= 3


def test_samples_of_one_prompt_read_it_once(model, monkeypatch):
    read = []
    read_prompts = CachedDecoder.read_prompts

    def counted(decoder, prompts, rows, *arguments):
        read.append(len(prompts))
        return read_prompts(decoder, prompts, rows, *arguments)

    settings = GenerationSettings(do_sample=True)
    group = [ids for ids in PROMPTS for _ in range(4)]
    seeds = [row_seed(0, number % 4, ids) for number, ids in enumerate(group)]
    alone = [ours(model, settings, [ids], seeds=[seed])[0] for ids, seed in zip(group, seeds, strict=True)]
    monkeypatch.setattr(CachedDecoder, "read_prompts", counted)
    assert ours(model, settings, group, seeds=seeds) == alone
    assert read == [5]
    assert len({tuple(ids) for ids in alone[:4]}) > 1


def test_drawn_frequencies_follow_the_softmax(model):
    """Chi-square of 4,000 first tokens of one prompt against the model's own probabilities, 1 in 10,000."""
    settings = GenerationSettings(do_sample=True)
    drawn = ours(model, settings, [PROMPTS[0]] * 4000, seeds=range(4000), most=1, ends=(-1,))
    with torch.no_grad():
        shares = model(input_ids=torch.tensor([PROMPTS[0]])).logits[0, -1].double().softmax(0)
    counts = torch.bincount(torch.tensor(drawn)[:, 0], minlength=64)
    often = shares * 4000 >= 5
    expected = torch.cat([shares[often], shares[~often].sum()[None]]) * 4000
    found = torch.cat([counts[often], counts[~often].sum()[None]])
    chi_square = float(((found - expected) ** 2 / expected).sum())
    freedom = len(expected) - 1
    assert freedom > 10
    assert chi_square < freedom + 4 * (2 * freedom) ** 0.5 + 8  # above the 0.9999 quantile for 10 to 64 degrees
    assert chi_square > freedom - 4 * (2 * freedom) ** 0.5


def test_no_warper_changes_what_is_not_asked_for():
    assert sampling_processors(GenerationSettings(), [1])[:-1] == LogitsProcessorList()


@pytest.mark.gpu
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"do_sample": True, "top_k": 20, "repetition_penalty": 1.2},
        {"no_repeat_ngram_size": 1},
        {"do_sample": True, "temperature": 0.5, "no_repeat_ngram_size": 2, "min_new_tokens": 8},
    ],
    ids=str,
)
def test_graphs_give_what_single_operations_give(monkeypatch, settings):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA GPU here")
    model = model_of("qwen3", adapter=True).cuda()  # its heads are 16 wide, the least that the kernels take
    settings = GenerationSettings(**settings)
    seeds = list(range(15)) if settings.do_sample else ()
    by_graphs = ours(model, settings, PROMPTS * 3, seeds=seeds, rows=6)
    monkeypatch.setattr(row_batch.RowBatch, "_stepped", lambda batch, rows: batch._run(rows))
    assert ours(model, settings, PROMPTS * 3, seeds=seeds, rows=6) == by_graphs
