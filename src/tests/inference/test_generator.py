"""Generation on tiny models: the prompt, what is decoded, padding, order."""

import pytest
import torch

from src.config.schema import EvaluationSettings, GenerationSettings
from src.data.llm_dataset import create_llm_dataset
from src.inference import decoding, generator
from src.inference.generator import generate_summaries, generating, stream_summaries
from src.inference.mbr import MbrChooser
from src.tests.tiny_models import DIALOGUES, SUMMARIES, load_tiny, tiny_config, train_tiny, write_tiny_model


@pytest.fixture
def loaded(tmp_path):
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path, lora__use_qlora=False)
    model, tokenizer = load_tiny(config)
    dataset = create_llm_dataset(DIALOGUES, SUMMARIES, tokenizer, decoder_max_len=12, format_type="chat", language="en")
    return model, tokenizer, dataset


def greedy(model, ids, end_id, most):
    """The slow way: the whole sequence again for each token, no cache, no padding."""
    new = []
    with torch.no_grad():
        while len(new) < most:
            token = model(input_ids=torch.tensor([ids + new]), use_cache=False).logits[0, -1].argmax().item()
            if token == end_id:
                return new, True
            new.append(token)
    return new, False


def test_summaries_equal_a_greedy_loop_on_the_training_prompt(loaded):
    """Traps 13 and 27: the prompt is the training prompt, and only new tokens are decoded."""
    model, tokenizer, dataset = loaded
    results = generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, GenerationSettings(batch_size=3))
    model.eval()
    for index, result in enumerate(results):
        prompt = dataset[index]["input_ids"][: int(dataset.prompt_lengths[index])].tolist()
        new, ended = greedy(model, prompt, dataset.prompt.end_id, 12)
        assert result.text == tokenizer.decode(new, skip_special_tokens=True).strip()
        assert result.ended is ended


def test_spaces_around_a_summary_are_no_part_of_it(loaded, monkeypatch):
    model, tokenizer, dataset = loaded
    monkeypatch.setattr(decoding, "written_text", lambda tokenizer, ids: " They greet.\n\n")
    (result,) = generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES[:1], GenerationSettings())
    assert result.text == "They greet."


def test_order_and_batches_change_nothing(loaded):
    model, tokenizer, dataset = loaded
    one_by_one = generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, GenerationSettings(batch_size=1))
    turned = generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES[::-1], GenerationSettings(batch_size=3))
    assert turned[::-1] == one_by_one
    narrow = GenerationSettings(batch_size=4, batch_tokens=130)  # room for one
    assert generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, narrow) == one_by_one


def counted_rows(monkeypatch):
    """Return a list that gets, for each call of the decoder, its prompts and how many go at a time."""
    calls, generate = [], generator.generate

    def counted(decoder, prompts, *arguments, rows, **options):
        calls.append((len(prompts), rows))
        return generate(decoder, prompts, *arguments, rows=rows, **options)

    monkeypatch.setattr(generator, "generate", counted)
    return calls


def test_by_default_16_at_a_time_on_the_cpu(loaded, monkeypatch):
    model, tokenizer, dataset = loaded
    calls = counted_rows(monkeypatch)
    generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES * 5, GenerationSettings(batch_tokens=10**6))
    assert calls == [(20, 16)]


def test_eight_times_the_rows_are_taken_before_lengths_are_looked_at_again(loaded, monkeypatch):
    model, tokenizer, dataset = loaded
    calls = counted_rows(monkeypatch)
    generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES * 5, GenerationSettings(batch_size=2))
    assert calls == [(16, 2), (4, 2)]


def test_results_come_while_others_are_still_to_do(loaded):
    model, tokenizer, dataset = loaded
    came = []
    settings = GenerationSettings(batch_size=1)
    stream = generator.stream_summaries(
        model,
        tokenizer,
        dataset.prompt.encode_prompts(DIALOGUES),
        settings,
        end_id=dataset.prompt.end_id,
        max_new_tokens=12,
    )
    came.append(next(stream))
    assert not torch.is_inference_mode_enabled()
    assert model.training
    came += stream
    lengths = [len(ids) for ids in dataset.prompt.encode_prompts(DIALOGUES)]
    assert [index for index, _ in came] == sorted(range(4), key=lambda index: -lengths[index])
    results = generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, settings)
    assert all(results[index] == result for index, result in came)


def test_mode_and_gradients_come_back(loaded):
    model, tokenizer, dataset = loaded
    model.train()
    generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES[:1], GenerationSettings())
    assert model.training
    with generating(model):
        assert not model.training
        assert torch.is_inference_mode_enabled()
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("fast", [True, False], ids=["our decoder", "transformers"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_an_n_gram_comes_once_in_a_summary_whatever_the_dialogue_holds(loaded, monkeypatch, size, fast):
    """By transformers' own rule no name or number of as many tokens could be taken from the dialogue."""
    model, tokenizer, dataset = loaded
    calls = counted_rows(monkeypatch)
    if not fast:
        monkeypatch.setattr(generator, "generates_fast", lambda model: False)
    prompts, most = dataset.prompt.encode_prompts(DIALOGUES), 12
    how = {"end_id": dataset.prompt.end_id, "max_new_tokens": most}
    settings = GenerationSettings(no_repeat_ngram_size=size)
    found = dict(stream_summaries(model, tokenizer, prompts, settings, **how))
    assert len(calls) == fast
    model.eval()
    for index, prompt in enumerate(prompts):
        new: list[int] = []
        while len(new) < most and dataset.prompt.end_id not in new:
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([prompt + new]), use_cache=False).logits[0, -1]
            begun = new[len(new) - size + 1 :]
            for place in range(len(new) - size + 1):
                if new[place : place + size - 1] == begun:
                    logits[new[place + size - 1]] = -torch.inf
            new.append(int(logits.argmax()))
        text = decoding.answer_text(tokenizer, new, [dataset.prompt.end_id])
        assert (found[index].text, found[index].ended) == (text, new[-1] == dataset.prompt.end_id)


def test_beams_take_their_settings(loaded):
    model, tokenizer, dataset = loaded
    settings = GenerationSettings(num_beams=2, length_penalty=0.5, repetition_penalty=1.1, no_repeat_ngram_size=3)
    beams = generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, settings)
    assert beams != generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, GenerationSettings())


def test_a_beam_search_of_several_dialogues_gives_each_what_it_gets_alone(loaded):
    model, tokenizer, dataset = loaded

    def searched(dialogues=DIALOGUES, **settings):
        settings = GenerationSettings(num_beams=3, **settings)
        return generate_summaries(model, tokenizer, dataset.prompt, dialogues, settings)

    alone = searched(batch_size=1)
    assert searched(batch_size=4) == alone
    assert [searched([dialogue])[0] for dialogue in DIALOGUES] == alone
    assert searched(no_repeat_ngram_size=2) != alone


def test_a_beam_search_is_that_of_transformers(loaded, monkeypatch):
    model, tokenizer, dataset = loaded
    calls = counted_rows(monkeypatch)

    def searched(**settings):
        settings = GenerationSettings(num_beams=4, **settings)
        return generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, settings)

    ways = [{}, {"length_penalty": 0.0, "batch_size": 3}, {"length_penalty": -1.0}, {"no_repeat_ngram_size": 2}]
    ours = [searched(**way) for way in ways]
    assert len(calls) == 4
    monkeypatch.setattr(generator, "generates_fast", lambda model: False)
    assert [searched(**way) for way in ways] == ours
    assert len(calls) == 4


def test_a_batchs_tokens_are_prompts_and_summaries_times_beams(loaded, monkeypatch):
    """Room for two dialogues of two beams, each as long as the longest prompt with 12 new tokens, or for one."""
    model, tokenizer, dataset = loaded
    longest = max(len(ids) for ids in dataset.prompt.encode_prompts(DIALOGUES))
    calls = counted_rows(monkeypatch)

    def batches(tokens):
        calls.clear()
        settings = GenerationSettings(num_beams=2, batch_tokens=tokens)
        generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, settings)
        return list(calls)

    two = 2 * 2 * (longest + 12)
    assert batches(two) == [(4, 2)]
    assert batches(two - 1) == [(4, 1)]
    assert batches(10**6) == [(4, 4)]


def test_a_sample_depends_on_dialogue_and_seed_not_on_the_batch(loaded):
    model, tokenizer, dataset = loaded

    def sampled(dialogues=DIALOGUES, **settings):
        settings = GenerationSettings(do_sample=True, **settings)
        return generate_summaries(model, tokenizer, dataset.prompt, dialogues, settings)

    together = sampled(batch_size=4)
    assert sampled(batch_size=1) == together
    assert sampled(DIALOGUES[2:], batch_size=2) == together[2:]
    assert sampled(seed=1) != together
    assert sampled(temperature=1e-4) == generate_summaries(
        model, tokenizer, dataset.prompt, DIALOGUES, GenerationSettings()
    )


def test_sampling_leaves_the_random_state_alone(loaded):
    """Scoring by generation inside training must not change the training."""
    model, tokenizer, dataset = loaded
    before = torch.random.get_rng_state()
    generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, GenerationSettings(do_sample=True))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_mbr_takes_the_most_likely_summary_or_one_of_the_samples(loaded):
    model, tokenizer, dataset = loaded

    def generated(dialogues=DIALOGUES, **settings):
        return generate_summaries(model, tokenizer, dataset.prompt, dialogues, GenerationSettings(**settings))

    assert generated(mbr_samples=1) == generated()  # two are as close to each other: the first, which is not drawn
    drawn = {"mbr_samples": 5, "mbr_metric": "chrf", "mbr_temperature": 1.0}
    chosen = generated(**drawn, batch_size=7)
    assert generated(**drawn, batch_size=3) == chosen
    assert generated(DIALOGUES[1:2], **drawn) == chosen[1:2]
    assert chosen != generated()
    assert generated(**drawn, temperature=0.1) == chosen  # of plain sampling alone
    assert generated(**drawn | {"mbr_temperature": 1e-6}) == generated()


@pytest.mark.parametrize(
    ("fast", "size"), [(True, 0), (True, 1), (False, 0)], ids=["our decoder", "without repeats", "transformers"]
)
def test_the_candidates_of_mbr(loaded, monkeypatch, fast, size):
    """The first is the most likely summary; the others are what plain sampling draws at that temperature."""
    model, tokenizer, dataset = loaded
    if not fast:
        monkeypatch.setattr(generator, "generates_fast", lambda model: False)
    # None ends, so none comes before others for that.
    way = {"min_new_tokens": 12, "no_repeat_ngram_size": size}
    seen = {}
    monkeypatch.setattr(MbrChooser, "add", lambda self, dialogue, texts, _: seen.setdefault(dialogue, texts))
    prompts = dataset.prompt.encode_prompts(DIALOGUES)

    def streamed(**settings):
        settings = GenerationSettings(**way, **settings)
        return stream_summaries(model, tokenizer, prompts, settings, end_id=dataset.prompt.end_id, max_new_tokens=12)

    assert dict(streamed(mbr_samples=3, mbr_temperature=0.8)) == {}
    likely, drawn = dict(streamed()), dict(streamed(do_sample=True, temperature=0.8))
    assert [texts[:2] for _, texts in sorted(seen.items())] == [
        [likely[index].text, drawn[index].text] for index in range(len(DIALOGUES))
    ]
    assert all(len(set(texts)) == 4 for texts in seen.values())


@pytest.mark.parametrize(("ended", "chosen"), [("---", 0), ("--+", 2), ("-++", 2), ("+++", 0)])
def test_mbr_chooses_what_was_cut_only_where_nothing_has_ended(ended, chosen):
    texts = ["Anna asks Ben for the time", "Ben", "Anna asks Ben for the"]
    made = [(place, generator.Generated(texts[place], sign == "+")) for place, sign in enumerate(ended)]
    found = generator._chosen(
        iter(made), [["Anna asks Ben for the time"]], 3, GenerationSettings(), EvaluationSettings()
    )
    assert list(found) == [(0, made[chosen][1])]


def test_the_shortest_length_is_kept(loaded):
    model, tokenizer, dataset = loaded
    settings = GenerationSettings(min_new_tokens=12, do_sample=True)  # all of decoder_max_len
    assert not any(r.ended for r in generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, settings))


@pytest.mark.long
def test_a_trained_model_ends_its_summary(tmp_path):
    """Traps 3 and 4: the end token carries loss, so a model that learned its summaries stops after them."""
    config = tiny_config(
        write_tiny_model(tmp_path / "base"), tmp_path, training__max_steps=80, training__batch_size=4, lora__r=16
    )
    model, tokenizer = load_tiny(config)
    train_tiny(config, model, tokenizer)
    dataset = create_llm_dataset(DIALOGUES, SUMMARIES, tokenizer, decoder_max_len=40, format_type="chat", language="en")
    results = generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, GenerationSettings())
    assert [result.text for result in results] == SUMMARIES
    assert all(result.ended for result in results)
    chosen = generate_summaries(model, tokenizer, dataset.prompt, DIALOGUES, GenerationSettings(mbr_samples=3, top_k=2))
    assert [result.text for result in chosen] == SUMMARIES
