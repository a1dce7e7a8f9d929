"""Beam search on the cached decoder against transformers', text for text and score for score, in float32.

But for what runs into the limit: transformers takes it where its score is better than that of what has ended.
"""

from functools import cache
from types import SimpleNamespace

import pytest
import torch
from transformers import LogitsProcessorList, MinNewTokensLengthLogitsProcessor, RepetitionPenaltyLogitsProcessor

from src.config.schema import GenerationSettings
from src.decoder import choosing_batch, row_batch
from src.decoder.beam_batch import BeamBatch
from src.decoder.cached_decoder import CachedDecoder
from src.decoder.generation import generate
from src.inference import generator
from src.inference.decoding import before_end
from src.inference.sampling import SummaryNGrams
from src.tests.decoder.test_cached_decoder import PROMPTS, model_of
from src.tests.packed_models import WRITTEN_OUT

MANY = [*PROMPTS, *([7 * number % 61 + 1, number + 2, *range(3, 3 + number % 11)] for number in range(9))]
ENDS = (40,)


@pytest.fixture(scope="module")
def model():
    return model_of("llama", adapter=True)


def ours(model, settings, prompts=MANY, *, rows=None, most=20, ends=ENDS):
    """Return each prompt's new ids and their score, 0 where they were cut."""
    scores, longest = [], max(map(len, prompts))

    class Scored(BeamBatch):
        def results(self, places):
            index = torch.tensor(places, dtype=torch.int64, device=self.device)
            found = super().results(places)
            worth = self._worth[index, 0].tolist()
            scores.extend(value if ids[-1] in ends else 0.0 for value, ids in zip(worth, found, strict=True))
            return found

    together = min(rows or len(prompts), len(prompts))
    batch = Scored(CachedDecoder(model), settings, ends, rows=together, longest=longest, most=most)
    how = {"max_new_tokens": most, "end_ids": ends, "rows": rows, "batch": batch}
    found = [pair for part in generate(batch.decoder, prompts, settings, **how) for pair in part]
    assert sorted(number for number, _ in found) == list(range(len(prompts)))
    found = sorted((number, ids, score) for (number, ids), score in zip(found, scores, strict=True))
    return [ids for _, ids, _ in found], [score for _, _, score in found]


def theirs(model, settings, prompts=MANY, *, most=20, ends=ENDS, together=False):
    """Return the same by transformers, a prompt at a time or in one padded batch; of what was cut with its score."""
    found, scores = [], []
    for some in [prompts] if together else [[prompt] for prompt in prompts]:
        width = max(map(len, some))
        output = model.generate(
            input_ids=torch.tensor([[0] * (width - len(ids)) + ids for ids in some]),
            attention_mask=torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in some]),
            max_new_tokens=most,
            min_new_tokens=settings.min_new_tokens or None,
            num_beams=settings.num_beams,
            length_penalty=settings.length_penalty,
            repetition_penalty=settings.repetition_penalty,
            logits_processor=n_grams(settings, width),
            do_sample=False,
            eos_token_id=list(ends),
            pad_token_id=0,
            output_scores=True,
            return_dict_in_generate=True,
        )
        for ids in output.sequences[:, width:].tolist():
            end = next((place for place, token in enumerate(ids, 1) if token in ends), len(ids))
            found.append(ids[:end])
        scores += output.sequences_scores.tolist()
    return found, scores


def n_grams(settings, width):
    size = settings.no_repeat_ngram_size
    return LogitsProcessorList([SummaryNGrams(size, width)] if size else [])


def written_out(model, settings, prompt, most, ends):
    """Search in plain Python; return the best by transformers' rule and by ours, each as score, ids."""
    width, beams, going, ended = len(prompt), settings.num_beams, [(0.0, [])], []
    processors = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(settings.repetition_penalty)])
    processors.extend(n_grams(settings, width))
    processors.append(MinNewTokensLengthLogitsProcessor(width, settings.min_new_tokens, list(ends), device="cpu"))
    for count in range(1, most + 1):
        rows = torch.tensor([prompt + ids for _, ids in going])
        with torch.no_grad():
            scores = processors(rows, model(rows).logits[:, -1].log_softmax(-1))
        scores = scores + torch.tensor([score for score, _ in going])[:, None]
        best = scores.flatten().topk(max(2, 1 + len(ends)) * beams)
        found = [(score, [*going[place // scores.shape[1]][1], place % scores.shape[1]]) for score, place in
                 zip(best.values.tolist(), best.indices.tolist(), strict=True)]  # fmt: skip
        weigh = count**settings.length_penalty
        ended += [(score / weigh, ids) for score, ids in found[:beams] if ids[-1] in ends]
        ended = sorted(ended, key=lambda one: -one[0])[:beams]
        going = [one for one in found if one[1][-1] not in ends][:beams]
        if len(ended) == beams and going[0][0] / weigh <= ended[-1][0]:
            return ended[0], ended[0]
    cut = [(score / weigh, ids) for score, ids in found[:beams] if ids[-1] not in ends]
    of_all = max([*ended, *cut], key=lambda one: one[0])
    return of_all, ended[0] if ended else (0.0, cut[0][1])


def expected_of(model, settings, prompts=MANY, *, most=20, ends=ENDS):
    """Return what `ours` is to find, by a search that finds what transformers finds by its rule."""
    by_rule = [written_out(model, settings, prompt, most, ends) for prompt in prompts]
    by_theirs, by_ours = ([pair[which][::-1] for pair in by_rule] for which in (0, 1))
    same(tuple(zip(*by_theirs, strict=True)), theirs(model, settings, prompts, most=most, ends=ends, together=True))
    return tuple(zip(*by_ours, strict=True))


@cache
def plain_four(model):
    """Return that of four beams, which what other settings change is told from."""
    return expected_of(model, GenerationSettings(num_beams=4))


def same(mine, other):
    assert list(mine[0]) == list(other[0])
    assert mine[1] == pytest.approx(other[1], rel=1e-4, abs=1e-5)


def test_transformers_finds_the_same_in_a_padded_batch(model):
    settings = GenerationSettings(num_beams=3)
    same(theirs(model, settings, together=True), theirs(model, settings))


@pytest.mark.parametrize(("beams", "length_penalty"), [(2, 0.0), (3, -1.0), (3, 1.0), (4, 1.0), (4, 2.0)])
def test_texts_and_scores_are_those_of_transformers(model, beams, length_penalty):
    settings = GenerationSettings(num_beams=beams, length_penalty=length_penalty)
    known = plain_four(model) if (beams, length_penalty) == (4, 1.0) else expected_of(model, settings)
    assert len({len(ids) for ids in known[0]}) > 1
    same(ours(model, settings), known)
    same(ours(model, settings, rows=3), known)
    same(ours(model, settings, rows=1), known)


@pytest.mark.parametrize("family", WRITTEN_OUT)
def test_all_that_the_decoder_knows_search_alike(family):
    model = model_of(family, adapter=True)
    settings = GenerationSettings(num_beams=3)
    same(ours(model, settings, PROMPTS, most=12, rows=2), expected_of(model, settings, PROMPTS, most=12))


@pytest.mark.parametrize(
    "settings",
    [
        {"repetition_penalty": 1.4},
        {"min_new_tokens": 7},
        {"repetition_penalty": 0.8, "min_new_tokens": 3},
        {"no_repeat_ngram_size": 1},
        {"no_repeat_ngram_size": 2, "repetition_penalty": 0.8, "min_new_tokens": 12},
    ],
    ids=str,
)
def test_other_settings_mean_what_they_mean_to_transformers(model, settings):
    settings = GenerationSettings(num_beams=4, **settings)
    known = expected_of(model, settings)
    same(ours(model, settings), known)
    same(ours(model, settings, rows=4), known)
    assert known[0] != plain_four(model)[0]


@pytest.mark.parametrize("family", ["qwen3", "gemma3_text", "qwen3_5_text"])
def test_no_family_searches_an_n_gram_twice(family):
    """What a beam has written goes with it to the row where it goes on."""
    model, settings = model_of(family, adapter=True), GenerationSettings(num_beams=3, no_repeat_ngram_size=2)
    known = expected_of(model, settings, PROMPTS, most=12)
    same(ours(model, settings, PROMPTS, most=12, rows=2), known)
    assert known[0] != ours(model, GenerationSettings(num_beams=3), PROMPTS, most=12)[0]


def test_what_has_ended_comes_before_what_was_cut(model):
    settings = GenerationSettings(num_beams=4, length_penalty=2.0)  # makes transformers prefer long ones
    their_ids, (ids, _) = theirs(model, settings, together=True)[0], ours(model, settings)
    cut = [place for place, one in enumerate(their_ids) if one[-1] not in ENDS]
    ended = [place for place in cut if ids[place][-1] in ENDS]
    assert ended
    assert all(len(ids[place]) == 20 for place in cut if place not in ended)
    assert all(ids[place] == their_ids[place] for place in range(len(ids)) if place not in ended)


def test_of_what_transformers_searches_what_has_ended_comes_first_too(model, monkeypatch):
    """As it searches for models that only it knows."""
    monkeypatch.setattr(generator, "generates_fast", lambda model: False)
    settings = GenerationSettings(num_beams=4, length_penalty=2.0)
    how = [None] * len(MANY), ENDS, 20
    found = dict(generator._stream_ids(model, SimpleNamespace(pad_token_id=0), MANY, settings, *how))
    own, best = theirs(model, settings)[0], ours(model, settings)[0]
    changed = 0
    for place, ids in enumerate(own):
        if ids[-1] in ENDS:
            assert before_end(found[place], ENDS) == ids[:-1]
        elif not set(ENDS).isdisjoint(found[place]):
            assert before_end(found[place], ENDS) == best[place][:-1]
            changed += 1
    assert changed


@pytest.mark.parametrize("most", [1, 2, 5])
def test_beams_that_reach_the_most_tokens_end_there(model, most):
    settings = GenerationSettings(num_beams=4)
    known = expected_of(model, settings, most=most, ends=(99,))
    assert {len(ids) for ids in known[0]} == {most}
    same(ours(model, settings, most=most, ends=(99,)), known)
    same(ours(model, settings, most=most), expected_of(model, settings, most=most))


def test_several_ends_and_beams_that_end_at_once(model):
    settings = GenerationSettings(num_beams=3, length_penalty=0.0)
    first = [ids[0] for ids in expected_of(model, settings, most=1, ends=(99,))[0]]
    ends = tuple(sorted(set(first))[:6])
    known = expected_of(model, settings, ends=ends)
    assert min(len(ids) for ids in known[0]) == 1
    same(ours(model, settings, ends=ends), known)
    same(ours(model, settings, ends=ends, rows=4), known)


@pytest.mark.parametrize(("beams", "ends"), [(3, (40,)), (3, (40, 41)), (4, (40, 41, 42))])
def test_where_ends_are_likely_enough_beams_go_on(beams, ends):
    """Of twice the beams' best continuations, more than the beams may end."""
    model, settings = model_of("llama", adapter=False), GenerationSettings(num_beams=beams, length_penalty=2.0)
    with torch.no_grad():
        last = torch.stack([model.model(torch.tensor([ids])).last_hidden_state[0, -1] for ids in MANY]).mean(dim=0)
        model.get_output_embeddings().weight[[40, 41, 42]] += 3 * last / last.norm() ** 2
    same(ours(model, settings, ends=ends), expected_of(model, settings, ends=ends))


def test_one_prompt_alone_and_equal_ones(model):
    settings, prompts = GenerationSettings(num_beams=4), [MANY[7], MANY[8], MANY[7]]
    same(ours(model, settings, prompts[:1]), expected_of(model, settings, prompts[:1]))
    same(ours(model, settings, prompts), expected_of(model, settings, prompts))
    same(ours(model, settings, prompts, rows=2), expected_of(model, settings, prompts))


@pytest.mark.parametrize(("family", "size"), [("llama", 0), ("llama", 2), ("qwen3_5_text", 0)])
@pytest.mark.parametrize("rows", [1, 3, 5])
def test_empty_rows_and_unseen_ends_change_nothing(monkeypatch, family, size, rows):
    """As on a GPU: prompts rounded up, eight steps between two looks."""
    model, settings = model_of(family, adapter=True), GenerationSettings(num_beams=3, no_repeat_ngram_size=size)
    known = ours(model, settings, MANY[:9])
    for module in (row_batch, choosing_batch):
        monkeypatch.setattr(module, "padded_rows", lambda rows, device: 1 << (rows - 1).bit_length())

    def advance(batch):
        for _ in range(8 if batch.held else 0):
            batch._stepped(choosing_batch.padded_rows(batch.held, batch.device) * batch.beams)

    monkeypatch.setattr(choosing_batch.ChoosingBatch, "advance", advance)
    same(ours(model, settings, MANY[:9], rows=rows), known)


@pytest.mark.parametrize("length_penalty", [-100.0, 100.0])
def test_the_greatest_penalties_give_a_summary(model, length_penalty):
    """Where transformers overflows, or takes what has not ended for better than what has."""
    ids, _ = ours(model, GenerationSettings(num_beams=3, length_penalty=length_penalty))
    assert all(1 <= len(one) <= 20 and (one[-1] in ENDS or len(one) == 20) for one in ids)


@pytest.mark.gpu
@pytest.mark.parametrize("family", ["qwen3", "qwen3_5_text"])
@pytest.mark.parametrize(
    "settings", [{}, {"repetition_penalty": 1.2, "min_new_tokens": 4}, {"no_repeat_ngram_size": 2}], ids=str
)
def test_graphs_give_what_single_operations_give(monkeypatch, family, settings):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA GPU here")
    model = model_of(family, adapter=True).cuda()  # heads are 16 wide, the least that the kernels take
    settings = GenerationSettings(num_beams=3, **settings)
    by_graphs = ours(model, settings, rows=6)
    monkeypatch.setattr(row_batch.RowBatch, "_stepped", lambda batch, rows: batch._run(rows))
    same(ours(model, settings, rows=6), by_graphs)


@pytest.mark.gpu
@pytest.mark.parametrize("family", ["qwen3", "qwen3_5_text"])
def test_a_gpu_searches_as_the_cpu_does(family):
    """But for rounding: its products of float32 are in TF32, and two continuations may be that close."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA GPU here")
    settings = GenerationSettings(num_beams=4)
    ids, scores = ours(model_of(family, adapter=True), settings)
    found, there = ours(model_of(family, adapter=True).cuda(), settings, rows=11)
    alike = [place for place in range(len(MANY)) if found[place] == ids[place]]
    assert len(alike) >= 0.8 * len(MANY)
    assert [there[place] for place in alike] == pytest.approx([scores[place] for place in alike], abs=0.05)
