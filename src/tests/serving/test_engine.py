"""The engine against one sequence at a time without a cache; who is in the batch with it must not matter."""

from collections import deque

import pytest
import torch

from src.config.schema import GenerationSettings
from src.decoder.cached_decoder import CachedDecoder
from src.decoder.row_batch import RowBatch
from src.inference.generator import generate_summaries, generating
from src.serving.engine import OutOfMemoryError, TransformersEngine
from src.serving.jobs import GenerationJob
from src.serving.slots import Slots
from src.serving.text import decode
from src.tests.tiny_models import DIALOGUES, load_tiny, tiny_config, write_tiny_model


def greedy(model, ids, end_id, most):
    """The slow way: the whole sequence again for each token, no cache, no padding."""
    new = []
    model.eval()
    with torch.no_grad():
        while len(new) < most and end_id not in new:
            new.append(model(input_ids=torch.tensor([ids + new]), use_cache=False).logits[0, -1].argmax().item())
    return new


def job(prompt, most=8, **settings):
    return GenerationJob(prompt, 256, most, GenerationSettings(**settings))


def run(engine, *waves):
    """Generate waves of jobs, each joining one step after the wave before."""
    waiting = deque(map(list, waves))
    engine.generate(lambda: waiting.popleft() if waiting else [])
    return [job for wave in waves for job in wave]


@pytest.fixture(params=["llama", "qwen3"])
def model(request, tmp_path, kind):
    config = tiny_config(write_tiny_model(tmp_path / "base", request.param), lora__use_qlora=False)
    return load_tiny(config)[0]


class OurSlots(RowBatch):
    """As the engine makes them."""

    def __init__(self, model):
        super().__init__(CachedDecoder(model))


@pytest.fixture(autouse=True, params=[Slots, OurSlots])
def kind(request, monkeypatch):
    """Let the engine use one kind of slots and then the other, whatever the model allows."""
    monkeypatch.setattr(TransformersEngine, "empty_batch", lambda engine: request.param(engine.model))
    return request.param


PROMPTS = [[5], [7, 8, 9, 10, 11], list(range(40)), [250, 3] * 30, [1, 2, 3]]


def test_sequences_that_join_and_leave_get_the_tokens_they_get_alone(model):
    jobs = [job(prompt, most) for prompt, most in zip(PROMPTS, (8, 2, 6, 3, 8), strict=True)]
    run(TransformersEngine(model), jobs[:2], [], jobs[2:3], jobs[3:])
    for one in jobs:
        assert one.generated == greedy(model, one.prompt, 256, one.max_new_tokens)
        assert one.finish == ("stop" if one.generated[-1] == 256 else "length")


def test_a_long_prompt_that_joins_a_short_one_grows_the_slots(model):
    jobs = [job([5], 6), job([9] * 300, 6), job([4] * 254, 6)]
    run(TransformersEngine(model), jobs[:1], jobs[1:2], jobs[2:])
    assert [one.generated for one in jobs] == [greedy(model, one.prompt, 256, 6) for one in jobs]


def test_slots_give_the_logits_of_the_whole_sequence(model, kind):
    slots = kind(model)
    with generating(model):
        first = slots.add(PROMPTS[:3])
        second = slots.step([1, 2, 3])
        slots.remove(0)  # the third takes its place
        third = slots.step([4, 5])
        for logits, rows in (
            (first, PROMPTS[:3]),
            (second, [[*ids, token] for ids, token in zip(PROMPTS, (1, 2, 3), strict=False)]),
            (third, [[*PROMPTS[2], 3, 4], [*PROMPTS[1], 2, 5]]),
        ):
            for row, ids in zip(logits, rows, strict=True):
                torch.testing.assert_close(row, model(input_ids=torch.tensor([ids])).logits[0, -1])
    assert slots.lengths == [42, 7]


def test_a_4_bit_base_with_an_adapter(tmp_path):
    config = tiny_config(write_tiny_model(tmp_path / "base"))
    model, _ = load_tiny(config)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    jobs = run(TransformersEngine(model), [job(prompt) for prompt in PROMPTS])
    assert [one.generated for one in jobs] == [greedy(model, prompt, 256, 8) for prompt in PROMPTS]


def test_a_cancelled_job_leaves_the_batch_and_the_others_go_on(model):
    jobs = [job(prompt) for prompt in PROMPTS[:3]]
    steps = 0

    def admit():
        nonlocal steps
        steps += 1
        if steps == 3:
            jobs[0].end("cancelled")
        return jobs if steps == 1 else []

    TransformersEngine(model).generate(admit)
    assert (jobs[0].finish, len(jobs[0].generated)) == ("cancelled", 3)
    assert [one.generated for one in jobs[1:]] == [greedy(model, one.prompt, 256, 8) for one in jobs[1:]]


def test_a_job_goes_on_after_the_tokens_it_has(model):
    whole = greedy(model, PROMPTS[2], 256, 8)
    begun = job(PROMPTS[2])
    begun.generated = whole[:3]
    run(TransformersEngine(model), [begun])
    assert begun.generated == whole


@pytest.mark.parametrize(
    "settings",
    [
        {"repetition_penalty": 1.5},
        {"no_repeat_ngram_size": 2},
        {"do_sample": True, "temperature": 3.0, "seed": 5},
        {"do_sample": True, "temperature": 2.0, "top_p": 0.9, "top_k": 20, "repetition_penalty": 1.2},
    ],
    ids=str,
)
def test_settings_mean_what_they_mean_to_summarize(tiny, settings):
    settings = GenerationSettings(batch_size=1, **settings)
    expected = generate_summaries(tiny.model, tiny.tokenizer, tiny.prompt, DIALOGUES, settings)
    jobs = [GenerationJob(ids, tiny.prompt.end_id, 8, settings) for ids in tiny.prompt.encode_prompts(DIALOGUES)]
    run(TransformersEngine(tiny.model), jobs[:1], jobs[1:])
    decoded = [decode(tiny.tokenizer, one.generated, one.end_id) for one in jobs]
    assert decoded == [result.text for result in expected]
    assert decoded != [r.text for r in generate_summaries(
        tiny.model, tiny.tokenizer, tiny.prompt, DIALOGUES, GenerationSettings()
    )]  # fmt: skip


def test_a_summary_does_not_end_before_its_shortest_length(model):
    end_id = greedy(model, PROMPTS[1], 256, 8)[2]
    short, long = (GenerationJob(PROMPTS[1], end_id, 8, GenerationSettings(min_new_tokens=least)) for least in (0, 6))
    run(TransformersEngine(model), [short, long])
    assert short.finish == "stop"
    assert len(short.generated) <= 3
    assert end_id not in long.generated[:6]
    assert len(long.generated) > 6


def test_the_same_seed_draws_the_same_whatever_shares_the_batch(model):
    sampled = {"do_sample": True, "temperature": 5.0}
    alone = run(TransformersEngine(model), [job(PROMPTS[1], seed=1, **sampled)])[0]
    together = run(TransformersEngine(model), [job(p, seed=1, **sampled) for p in PROMPTS])[1]
    other = run(TransformersEngine(model), [job(PROMPTS[1], seed=2, **sampled)])[0]
    assert alone.generated == together.generated
    assert alone.generated != other.generated


def test_out_of_memory_has_its_own_error(model, kind, monkeypatch):
    monkeypatch.setattr(kind, "step", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory")))
    with pytest.raises(OutOfMemoryError):
        run(TransformersEngine(model), [job([1, 2])])


def test_the_models_mode_comes_back(model):
    model.train()
    run(TransformersEngine(model), [job([1, 2])])
    assert model.training


def test_the_faster_slots_where_the_model_allows_them(tmp_path, monkeypatch):
    monkeypatch.undo()
    checkpoint = write_tiny_model(tmp_path / "base")
    plain, _ = load_tiny(tiny_config(checkpoint))
    dora, _ = load_tiny(tiny_config(checkpoint, lora__use_dora=True))
    assert type(TransformersEngine(plain).empty_batch()) is RowBatch
    assert type(TransformersEngine(dora).empty_batch()) is Slots
