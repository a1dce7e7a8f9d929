"""A step as a whole: its gradient against autograd's, what it draws from, groups from which little can be learned."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from src.data.batches.groups import PromptGroup, pack_groups
from src.tests.training.refine.tiny_refiner import refiner_of, weights
from src.training.refine import refiner as refiner_module
from src.training.refine.figures import Written, looks
from src.training.refine.policy import advantages
from src.training.refine.refiner import Refiner
from src.training.refine.reward import Drawn, Reward, RewardRule, reward

ROUGE = RewardRule("rouge_sum", "word", False, 20.0)


def judged_here(drawn: list[Drawn]) -> list[list[Reward]]:
    """Reward by ROUGE and facts, in this process."""
    return reward(drawn, ROUGE)


def judged(refiner: Refiner, by: Any) -> Refiner:
    refiner.rewarder = by
    return refiner


def alike(before: dict[str, torch.Tensor], refiner: Refiner) -> bool:
    return all(torch.equal(weights(refiner)[name], value) for name, value in before.items())


@pytest.mark.parametrize("use_lora", [True, False], ids=["adapted", "whole"])
def test_the_updates_gradient_is_that_of_autograd_on_each_summary_alone(
    base: str, tmp_path: Path, use_lora: bool
) -> None:
    """Of the sum of -advantage x log p over all tokens, divided by their number; by the model's own forward pass."""
    refiner = refiner_of(base, tmp_path, use_lora)
    for name, parameter in refiner.parameters.items():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter.data, std=0.2, generator=torch.Generator().manual_seed(len(name)))
    chosen = [refiner.examples[index] for index in refiner._order(0)]
    drawn = refiner.draw(chosen)
    lengths = [[float(len(one.text)) for one in its] for its in drawn]
    count = sum(len(one.ids) for its in drawn for one in its)
    loss = torch.zeros(())
    for example, its, rewards in zip(chosen, drawn, lengths, strict=True):
        for one, advantage in zip(its, advantages(rewards), strict=True):
            ids = torch.tensor([[*example.prompt, *one.ids]])
            log_p = refiner.model(input_ids=ids).logits[0].float().log_softmax(-1)
            places = torch.arange(len(example.prompt) - 1, ids.shape[1] - 1)
            loss = loss - advantage / count * log_p[places, ids[0, places + 1]].sum()
    expected = dict(zip(refiner.parameters, torch.autograd.grad(loss, list(refiner.parameters.values())), strict=True))
    refiner.optimizer.step = lambda: None  # type: ignore[method-assign]
    refiner.train_step()
    scale = min(1.0, 1.0 / (refiner.norm + 1e-6))  # of clipping
    largest = max(float(gradient.abs().max()) for gradient in expected.values())
    assert largest > 1e-4
    for name, parameter in refiner.parameters.items():
        assert parameter.grad is not None
        torch.testing.assert_close(
            parameter.grad / scale, expected[name], rtol=0, atol=1e-5 * max(largest, 1), msg=name
        )


def test_entropy_and_distance_are_of_what_was_drawn_alone(base: str, tmp_path: Path) -> None:
    """By the model's own forward pass of each drawn summary; references count in the gradient's mean, not there."""
    refiner = refiner_of(base, tmp_path, imitation=0.5, kl=0.1)
    chosen = [refiner.examples[index] for index in refiner._order(0)]
    drawn = refiner.draw(chosen)

    def log_p(example: Any, ids: list[int]) -> float:
        whole = torch.tensor([[*example.prompt, *ids]])
        places = torch.arange(len(example.prompt) - 1, whole.shape[1] - 1)
        with torch.no_grad():
            logits = refiner.model(input_ids=whole).logits[0].float()
        return float(logits.log_softmax(-1)[places, whole[0, places + 1]].sum())

    pairs = [(example, one.ids) for example, its in zip(chosen, drawn, strict=True) for one in its]
    tokens = sum(len(ids) for _, ids in pairs)
    at_start = sum(log_p(*pair) for pair in pairs)
    for name, parameter in refiner.parameters.items():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter.data, std=0.2, generator=torch.Generator().manual_seed(len(name)))
    now = sum(log_p(*pair) for pair in pairs)
    refiner.draw = lambda _: drawn  # type: ignore[method-assign]
    figures = refiner.train_step()
    assert figures["entropy"] == pytest.approx(-now / tokens, abs=1e-4)
    assert figures["distance"] == pytest.approx((now - at_start) / tokens, abs=1e-4)
    likely = -sum(log_p(example, example.reference_ids) for example in chosen)
    assert abs(likely / sum(len(one.reference_ids) for one in chosen) + now / tokens) > 0.01  # which was in the mean


def test_the_distance_holds_back_what_was_drawn_alone(base: str, tmp_path: Path) -> None:
    refiner = refiner_of(base, tmp_path, kl=0.1)
    refiner.train_step()
    group = PromptGroup([5, 6], [[7, 2], [8, 9, 2]], [1.0, 0.5], counted=1)
    (batch,) = pack_groups([group], 100)
    assert batch.counted is not None
    assert batch.counted.tolist() == [1, 1, 0, 0, 0]
    (penalties,) = refiner._penalties([batch])
    assert all(penalties[:2] != 0)
    assert penalties[2:].tolist() == [0, 0, 0]


def test_it_draws_from_the_softmax_at_its_own_temperature(base: str, tmp_path: Path) -> None:
    """Chi-square of 3,000 first tokens; `generation`, which would only leave the likeliest, has no part in it."""
    refiner = refiner_of(base, tmp_path, samples=3000, temperature=1.5)
    generation = refiner.config.generation
    generation.top_k, generation.temperature, generation.repetition_penalty, generation.min_new_tokens = 1, 0.1, 3.0, 3
    refiner.prompt = replace(refiner.prompt, decoder_max_len=1)
    example = refiner.examples[0]
    refiner.rows = 1000  # at a time
    ids = torch.tensor([one.ids[0] for one in refiner.draw([example])[0]])
    with torch.no_grad():
        logits = refiner.model(input_ids=torch.tensor([example.prompt])).logits[0, -1]
    expected = 3000 * (logits.double() / 1.5).softmax(0)
    found = torch.bincount(ids, minlength=len(expected))
    often = expected >= 5
    expected = torch.cat([expected[often], expected[~often].sum()[None]])
    found = torch.cat([found[often], found[~often].sum()[None]])
    chi_square, freedom = float(((found - expected) ** 2 / expected).sum()), len(expected) - 1
    assert freedom > 10
    assert abs(chi_square - freedom) < 4 * (2 * freedom) ** 0.5 + 8


def test_equal_rewards_change_nothing(base: str, tmp_path: Path) -> None:
    refiner = judged(refiner_of(base, tmp_path), lambda drawn: [[Reward(7.0, 7.0, 0, 0, 0, 0.0)] * 3 for _ in drawn])
    before = weights(refiner)
    figures = refiner.train_step()
    assert (figures["equal_groups"], figures["grad_norm"], figures["reward"]) == (1.0, 0.0, 7.0)
    assert alike(before, refiner)


def test_summaries_that_never_end_have_no_reward_and_teach_nothing(base: str, tmp_path: Path) -> None:
    without_facts = replace(ROUGE, facts_weight=0.0)
    refiner = judged(refiner_of(base, tmp_path), lambda drawn: reward(drawn, without_facts))
    refiner.ends = [-1]
    before = weights(refiner)
    figures = refiner.train_step()
    assert (figures["ended"], figures["reward"], figures["equal_groups"]) == (0.0, 0.0, 1.0)
    assert alike(before, refiner)


def test_empty_summaries_are_stepped_over(base: str, tmp_path: Path) -> None:
    """Where each token ends a summary, each is one token long and empty, and has ended."""
    refiner = judged(refiner_of(base, tmp_path), judged_here)
    refiner.ends = list(range(refiner.model.config.vocab_size))
    figures = refiner.train_step()
    assert (figures["ended"], figures["words"], figures["score"]) == (1.0, 0.0, 0.0)
    assert (figures["reward"], figures["equal_groups"]) == (0.0, 1.0)


def test_empty_summaries_have_figures() -> None:
    written = [Written([2], text, True) for text in ("", "a b c a b c")]
    assert looks(written) == {"ended": 1.0, "words": 3.0, "repeated": 0.125}


def test_one_dialogue_alone(base: str, tmp_path: Path) -> None:
    """Each step is of it, and learns from its own summaries."""
    refiner = refiner_of(base, tmp_path, dialogues=1)
    refiner.examples = refiner.examples[:1]
    before = weights(refiner)
    assert [refiner._order(step) for step in range(3)] == [[0], [0], [0]]
    figures = [refiner.train_step() for _ in range(3)]
    assert refiner.step == 3
    assert any(one["grad_norm"] > 0 for one in figures)
    assert not alike(before, refiner)


def test_a_reference_without_words_gives_no_score(base: str, tmp_path: Path) -> None:
    refiner = judged(refiner_of(base, tmp_path), judged_here)
    refiner.examples = [replace(one, reference="...") for one in refiner.examples]
    figures = refiner.train_step()
    assert (figures["score"], figures["facts_kept"]) == (0.0, 0.0)
    assert figures["reward"] <= 0.0


def test_only_micro_batches_of_few_sizes_run_from_graphs(base: str, tmp_path: Path, monkeypatch: Any) -> None:
    """On a GPU: up to 16,384 tokens, where they are filled up to multiples of 512."""
    refiner = refiner_of(base, tmp_path)
    monkeypatch.setattr(refiner_module, "CapturedPasses", lambda _, tokens: tokens)
    assert refiner._captured_passes() is None
    refiner.device = torch.device("cuda")
    for tokens, expected in ((512, 512), (16384, 16384), (16385, None)):
        refiner.micro_batch_tokens = tokens
        assert refiner._captured_passes() == expected
