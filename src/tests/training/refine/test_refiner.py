"""A refiner's steps on a tiny model: what is drawn and learned."""

from pathlib import Path
from typing import Any

import pytest
import torch

from src.data.batches.groups import PromptGroup, pack_groups
from src.decoder.row_batch import RowBatch
from src.errors import YoyakError
from src.inference.generator import generate_summaries
from src.tests.tiny_models import write_tiny_model
from src.tests.training.refine.tiny_refiner import Lengths, refiner_of, weights
from src.training.refine.figures import Written, looks, means
from src.training.refine.reward import Drawn, Reward


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_a_gpu_steps_run_from_graphs(tmp_path: Path) -> None:
    wide = write_tiny_model(tmp_path / "wide", head_dim=16)
    refiner = refiner_of(wide, tmp_path / "run")
    for _ in range(3):
        refiner.train_step()
    assert refiner._passes is not None
    assert refiner._passes.captured > 0


@torch.no_grad()
@pytest.mark.parametrize("use_lora", [True, False], ids=["adapted", "whole"])
def test_what_is_drawn_from_is_what_trains(base: str, tmp_path: Path, use_lora: bool) -> None:
    """log p of each drawn token, by the decoder that drew it and by the one that learns from it."""
    refiner = refiner_of(base, tmp_path, use_lora)
    refiner.train_step()  # so that an adapter is not zero any more
    chosen = refiner.examples[:2]
    drawn = refiner.draw(chosen)
    groups = [PromptGroup(one.prompt, [w.ids for w in its], [1.0] * 3) for one, its in zip(chosen, drawn, strict=True)]
    (batch,) = pack_groups(groups, 10_000)
    learned = refiner.decoder.token_losses(batch).tolist()
    expected = []
    for example, its in zip(chosen, drawn, strict=True):
        for one in its:
            rows = RowBatch(refiner.drawer)
            logits = rows.add([example.prompt])
            for token in one.ids:
                expected.append(float(-torch.log_softmax(logits[0].float(), 0)[token]))
                logits = rows.step([token])
    assert sorted(learned) == pytest.approx(sorted(expected), abs=2e-5)


def test_a_step_makes_better_summaries_likelier(base: str, tmp_path: Path) -> None:
    """Of the summaries that a step drew, log p rises with the advantage."""
    refiner = refiner_of(base, tmp_path, samples=6, learning_rate=1e-3)
    chosen = [refiner.examples[index] for index in refiner._order(0)]
    drawn = refiner.draw(chosen)
    groups = [PromptGroup(one.prompt, [w.ids for w in its], [1.0] * 6) for one, its in zip(chosen, drawn, strict=True)]
    (batch,) = pack_groups(groups, 10_000)
    before = refiner.decoder.token_losses(batch)
    rewards = Lengths()([Drawn("", ("",), tuple(w.text for w in its), (True,) * 6) for its in drawn])
    refiner.train_step()
    refiner.drawer.refresh()
    after = refiner.decoder.token_losses(batch)
    order = batch.examples[batch.starts[:-1]].tolist()
    gain = {"longer": 0.0, "shorter": 0.0}
    place = 0
    for number in dict.fromkeys(order):
        totals = [one.total for one in rewards[number]]
        for written, total in zip(drawn[number], totals, strict=True):
            change = float((before - after)[place : place + len(written.ids)].sum())
            gain["longer" if total > sum(totals) / 6 else "shorter"] += change
            place += len(written.ids)
    assert gain["longer"] > gain["shorter"]


def test_distance_from_the_start_holds_back(base: str, tmp_path: Path) -> None:
    far, near = (refiner_of(base, tmp_path / str(kl), kl=kl) for kl in (1e-6, 0.5))
    start = weights(far)
    for refiner in (far, near):
        for _ in range(4):
            refiner.train_step()
    moved = [sum(float((weights(r)[name] - value).norm()) for name, value in start.items()) for r in (far, near)]
    assert moved[1] < moved[0]


def test_memory_that_runs_out_at_the_start_s_weights_leaves_those_of_now(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refiner = refiner_of(base, tmp_path, kl=0.5)
    refiner.train_step()
    now, losses = weights(refiner), iter([torch.zeros(1)])

    def without_memory(_: Any) -> torch.Tensor:
        for one in losses:
            return one
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(refiner.decoder, "token_losses", without_memory)
    (batch,) = pack_groups([PromptGroup([5, 6], [[7, 2]], [1.0])], 100)
    with pytest.raises(torch.OutOfMemoryError):
        refiner._penalties([batch])
    assert any(not torch.equal(now[name], value) for name, value in refiner.start.items())
    assert all(torch.equal(weights(refiner)[name], value) for name, value in now.items())


def test_too_few_dialogues(base: str, tmp_path: Path) -> None:
    with pytest.raises(YoyakError, match=r"a step takes 5 dialogues and data.train has 4; set refine\.dialogues=4"):
        refiner_of(base, tmp_path, dialogues=5)


def test_each_pass_sees_each_dialogue_once(base: str, tmp_path: Path) -> None:
    refiner = refiner_of(base, tmp_path)
    assert sorted(refiner._order(0) + refiner._order(1)) == [0, 1, 2, 3]
    assert sorted(refiner._order(2) + refiner._order(3)) == [0, 1, 2, 3]


def test_what_is_told_of_rewards() -> None:
    """3 of 4 facts are kept; a quarter of one summary's words is copied, none of the other's."""
    rewards = [Reward(110.0, 100.0, 2, 2, 0, 0.25), Reward(50.0, 60.0, 1, 2, 1, 0.0)]
    assert means(rewards) == {
        "reward": 80.0, "score": 80.0, "facts_kept": 0.75, "facts_unsupported": 0.5, "copied": 0.125,
    }  # fmt: skip


def test_what_is_told_of_written_summaries() -> None:
    """Of a b c a b c, the 3-grams are abc, bca, cab, abc: one of four has been before."""
    written = [Written([1, 2], "a b c a b c", True), Written([1], "a b", False)]
    assert looks(written) == {"ended": 0.5, "words": 4.0, "repeated": 0.125}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_a_gpu_graphs_give_the_gradients_of_single_operations(base: str, tmp_path: Path) -> None:
    """Of three steps' groups, the first of which compiles, the second captures and the third replays."""
    captured, plain = (refiner_of(base, tmp_path / name) for name in ("captured", "plain"))
    plain._passes = None
    assert captured._passes is not None
    for step in range(3):
        chosen = [captured.examples[index] for index in captured._order(step)]
        drawn = captured.draw(chosen)
        groups = [
            PromptGroup(one.prompt, [w.ids for w in its], [1.0, -0.5, 0.25])
            for one, its in zip(chosen, drawn, strict=True)
        ]
        found = []
        for refiner in (captured, plain):
            refiner.optimizer.zero_grad(set_to_none=True)
            batches = pack_groups(groups, refiner.micro_batch_tokens, 256 if refiner._passes else 1)
            refiner._add_gradients(batches, 10)
            found.append({name: p.grad.clone() for name, p in refiner.parameters.items() if p.grad is not None})
        for name, gradient in found[1].items():
            assert float((found[0][name] - gradient).norm()) <= 2e-2 * float(gradient.norm()), (step, name)
    assert captured._passes.captured


@pytest.mark.parametrize("truncates", [True, False])
def test_evaluations_are_of_the_summaries_that_a_user_gets(tmp_path: Path, truncates: bool) -> None:
    """Of a loop at the end the first time counts; the reward is of all of it, as in a step."""
    refiner = refiner_of(write_tiny_model(tmp_path / "looping", seed=37), tmp_path, use_lora=False, longest=60)
    refiner.config.generation.truncate_repetition = truncates
    dialogues = [example.dialogue for example in refiner.examples]
    used = generate_summaries(refiner.model, refiner.tokenizer, refiner.prompt, dialogues, refiner.config.generation)
    written = refiner.summarize(refiner.examples)
    count = len(dialogues)
    assert any(one.looped for one in used)
    found = refiner.evaluate(refiner.examples)
    assert found["eval_score"] == sum(len(one.text) for one in used) / count
    assert found["eval_words"] == sum(len(one.text.split()) for one in used) / count
    assert found["eval_ended"] == sum(one.ended for one in used) / count
    assert found["eval_reward"] == sum(len(one.text) for one in written) / count
    assert (found["eval_score"] < found["eval_reward"]) == truncates
