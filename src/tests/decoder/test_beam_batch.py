"""Beam search on the cached decoder against transformers', text for text and score for score, in float32."""

import pytest
import torch

from src.config.schema import GenerationSettings
from src.decoder import choosing_batch, row_batch
from src.decoder.beam_batch import BeamBatch
from src.decoder.cached_decoder import CachedDecoder
from src.decoder.generation import generate
from src.tests.decoder.test_cached_decoder import PROMPTS, model_of
from src.tests.packed_models import WRITTEN_OUT

MANY = [*PROMPTS, *([7 * number % 61 + 1, number + 2, *range(3, 3 + number % 11)] for number in range(25))]
ENDS = (40,)


@pytest.fixture(scope="module")
def model():
    return model_of("llama", adapter=True)


def ours(model, settings, prompts=MANY, *, rows=None, most=20, ends=ENDS):
    """Return each prompt's new ids and their score."""
    scores, longest = [], max(map(len, prompts))

    class Scored(BeamBatch):
        def results(self, places):
            index = torch.tensor(places, dtype=torch.int64, device=self.device)
            scores.extend(self._worth[index, 0].tolist())
            return super().results(places)

    together = min(rows or len(prompts), len(prompts))
    batch = Scored(CachedDecoder(model), settings, ends, rows=together, longest=longest, most=most)
    how = {"max_new_tokens": most, "end_ids": ends, "rows": rows, "batch": batch}
    found = [pair for part in generate(batch.decoder, prompts, settings, **how) for pair in part]
    assert sorted(number for number, _ in found) == list(range(len(prompts)))
    found = sorted((number, ids, score) for (number, ids), score in zip(found, scores, strict=True))
    return [ids for _, ids, _ in found], [score for _, _, score in found]


def theirs(model, settings, prompts=MANY, *, most=20, ends=ENDS, together=False):
    """Return the same by transformers, a prompt at a time or in one padded batch."""
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


def same(mine, other):
    assert mine[0] == other[0]
    assert mine[1] == pytest.approx(other[1], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("length_penalty", [-1.0, 0.0, 1.0, 2.0])
@pytest.mark.parametrize("beams", [2, 3, 4])
def test_texts_and_scores_are_those_of_transformers(model, beams, length_penalty):
    settings = GenerationSettings(num_beams=beams, length_penalty=length_penalty)
    expected = theirs(model, settings)
    assert len({len(ids) for ids in expected[0]}) > 1
    same(ours(model, settings), expected)
    same(ours(model, settings, rows=3), expected)
    same(ours(model, settings, rows=1), expected)
    same(theirs(model, settings, together=True), expected)


@pytest.mark.parametrize("family", WRITTEN_OUT)
def test_all_that_the_decoder_knows_search_alike(family):
    model = model_of(family, adapter=True)
    settings = GenerationSettings(num_beams=3)
    same(ours(model, settings, PROMPTS, most=12, rows=2), theirs(model, settings, PROMPTS, most=12))


@pytest.mark.parametrize(
    "settings", [{"repetition_penalty": 1.4}, {"min_new_tokens": 7}, {"repetition_penalty": 0.8, "min_new_tokens": 3}]
)
def test_other_settings_mean_what_they_mean_to_transformers(model, settings):
    settings = GenerationSettings(num_beams=4, **settings)
    expected = theirs(model, settings)
    same(ours(model, settings), expected)
    same(ours(model, settings, rows=4), expected)
    assert expected[0] != theirs(model, GenerationSettings(num_beams=4))[0]


@pytest.mark.parametrize("most", [1, 2, 5])
def test_beams_that_reach_the_most_tokens_end_there(model, most):
    settings = GenerationSettings(num_beams=4)
    expected = theirs(model, settings, most=most, ends=(99,))
    assert {len(ids) for ids in expected[0]} == {most}
    same(ours(model, settings, most=most, ends=(99,)), expected)
    same(ours(model, settings, most=most), theirs(model, settings, most=most))


def test_several_ends_and_beams_that_end_at_once(model):
    settings = GenerationSettings(num_beams=3, length_penalty=0.0)
    first = [ids[0] for ids in theirs(model, settings, most=1, ends=(99,))[0]]
    ends = tuple(sorted(set(first))[:6])
    expected = theirs(model, settings, ends=ends)
    assert min(len(ids) for ids in expected[0]) == 1
    same(ours(model, settings, ends=ends), expected)
    same(ours(model, settings, ends=ends, rows=4), expected)


def test_one_prompt_alone_and_equal_ones(model):
    settings, prompts = GenerationSettings(num_beams=4), [MANY[7], MANY[8], MANY[7]]
    same(ours(model, settings, prompts[:1]), theirs(model, settings, prompts[:1]))
    same(ours(model, settings, prompts), theirs(model, settings, prompts))
    same(ours(model, settings, prompts, rows=2), theirs(model, settings, prompts))


@pytest.mark.parametrize("family", ["llama", "qwen3_5_text"])
@pytest.mark.parametrize("rows", [1, 3, 5])
def test_empty_rows_and_unseen_ends_change_nothing(monkeypatch, family, rows):
    """As on a GPU: prompts rounded up, eight steps between two looks."""
    model, settings = model_of(family, adapter=True), GenerationSettings(num_beams=3)
    expected = ours(model, settings, MANY[:9])
    for module in (row_batch, choosing_batch):
        monkeypatch.setattr(module, "padded_rows", lambda rows, device: 1 << (rows - 1).bit_length())

    def advance(batch):
        for _ in range(8 if batch.held else 0):
            batch._stepped(choosing_batch.padded_rows(batch.held, batch.device) * batch.beams)

    monkeypatch.setattr(choosing_batch.ChoosingBatch, "advance", advance)
    same(ours(model, settings, MANY[:9], rows=rows), expected)


@pytest.mark.parametrize("length_penalty", [-100.0, 100.0])
def test_the_greatest_penalties_give_a_summary(model, length_penalty):
    """Where transformers overflows, or takes what has not ended for better than what has."""
    ids, _ = ours(model, GenerationSettings(num_beams=3, length_penalty=length_penalty))
    assert all(1 <= len(one) <= 20 and (one[-1] in ENDS or len(one) == 20) for one in ids)


@pytest.mark.gpu
@pytest.mark.parametrize("family", ["qwen3", "qwen3_5_text"])
@pytest.mark.parametrize("settings", [{}, {"repetition_penalty": 1.2, "min_new_tokens": 4}], ids=str)
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
