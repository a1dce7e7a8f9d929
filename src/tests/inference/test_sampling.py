"""Sampling: what is drawn follows the probabilities, and depends on the row's seed alone."""

import itertools
import math
import random

import pytest
import torch

from src.config.schema import GenerationSettings
from src.decoder.cached_decoder import CachedDecoder
from src.decoder.generation import generate
from src.decoder.picking import row_seed
from src.inference.generator import _by_transformers
from src.inference.sampling import EndWhereNothingIsLeft, RowSampler, sampling_processors
from src.serving.engine import TransformersEngine
from src.serving.jobs import GenerationJob
from src.tests.decoder.test_cached_decoder import PROMPTS, model_of

END = 40
NO_IDS = torch.zeros((1, 0), dtype=torch.long)


def drawn(processors, scores):
    chosen = processors(NO_IDS, torch.tensor(scores))
    assert ((chosen == 0).sum(dim=1) == 1).all()
    assert ((chosen == 0) | (chosen == -math.inf)).all()
    return chosen.argmax(dim=1).tolist()


def test_the_draw_is_the_row_generators_number_on_the_cumulative_probabilities():
    quarter = [math.log(1), math.log(2), math.log(1)]  # 0.25, 0.5, 0.25: bounds at 0.25 and 0.75
    # random() of seeds 0, 1 and 12 begins with 0.844, 0.134 and 0.475
    assert [round(random.Random(seed).random(), 3) for seed in (0, 1, 12)] == [0.844, 0.134, 0.475]
    assert drawn(RowSampler([0, 1, 12]), [quarter] * 3) == [2, 0, 1]


def test_impossible_tokens_are_never_drawn():
    sampler = RowSampler(range(500))
    scores = [[-math.inf, 0.0, -math.inf, 0.0, -math.inf]] * 500
    assert set(drawn(sampler, scores)) == {1, 3}


def test_shares_follow_the_probabilities():
    sampler = RowSampler(range(4000))
    tokens = drawn(sampler, [[math.log(0.1), math.log(0.6), math.log(0.3)]] * 4000)
    shares = [tokens.count(token) / 4000 for token in range(3)]
    assert all(abs(share - wanted) < 0.03 for share, wanted in zip(shares, (0.1, 0.6, 0.3), strict=True))


def test_temperature_top_k_and_top_p_cut_before_the_draw():
    scores = [[3.0, 2.0, 1.0, 0.0]] * 300
    assert set(drawn(sampling_processors(GenerationSettings(top_k=2), range(300)), scores)) == {0, 1}
    # probabilities 0.644, 0.237, 0.087, 0.032: the first two make 0.881
    assert set(drawn(sampling_processors(GenerationSettings(top_p=0.85), range(300)), scores)) == {0, 1}
    assert set(drawn(sampling_processors(GenerationSettings(temperature=0.01), range(300)), scores)) == {0}


def test_a_seed_belongs_to_prompt_sample_and_setting():
    seeds = {row_seed(0, 0, [1, 2]), row_seed(0, 1, [1, 2]), row_seed(1, 0, [1, 2]), row_seed(0, 0, [1, 3])}
    assert len(seeds) == 4
    assert row_seed(0, 0, [1, 2]) == row_seed(0, 0, [1, 2])


@pytest.mark.parametrize(
    ("way", "settings"),
    [
        *itertools.product(
            ["decoder", "transformers", "served"], [{}, {"do_sample": True}, {"do_sample": True, "top_k": 3}]
        ),
        ("decoder", {"num_beams": 3}),
        ("transformers", {"num_beams": 3}),
    ],
    ids=str,
)
def test_a_vocabulary_that_is_used_up_ends_the_summary(settings, way):
    """Of 64 tokens none comes twice; the end may not come before the 80th."""
    model, most = model_of("llama", adapter=True), 80
    settings = GenerationSettings(min_new_tokens=most, no_repeat_ngram_size=1, **settings)
    seeds = [row_seed(0, 0, ids) if settings.do_sample else None for ids in PROMPTS]
    if way == "served":
        jobs = [GenerationJob(ids, END, most, settings) for ids in PROMPTS]
        waiting = [jobs]
        TransformersEngine(model).generate(lambda: waiting.pop() if waiting else [])
        found = [job.generated for job in jobs]
    elif way == "transformers":
        (part,) = _by_transformers(model, PROMPTS, settings, seeds, most, [END], 0)
        found = [ids[: ids.index(END) + 1] for _, ids in part]
    else:
        how = {"max_new_tokens": most, "end_ids": [END], "seeds": seeds if settings.do_sample else ()}
        parts = generate(CachedDecoder(model), PROMPTS, settings, **how)
        found = [ids for _, ids in sorted(pair for part in parts for pair in part)]
    assert all(len(set(ids)) == len(ids) and ids[-1] == END for ids in found)
    assert {len(ids) for ids in found} == {64}


@pytest.mark.parametrize("end", [0, 2])
def test_only_where_nothing_is_left_the_end_is(end):
    scores = torch.tensor([[-torch.inf] * 3, [-torch.inf, -5.0, -torch.inf], [1.0, 2.0, 3.0]])
    found = EndWhereNothingIsLeft(end)(None, scores)
    assert found[0].tolist() == [0.0 if token == end else -torch.inf for token in range(3)]
    assert torch.equal(found[1:], scores[1:])
