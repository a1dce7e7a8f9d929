"""A refiner's steps on a tiny model: what is drawn, learned, saved, and gone on from."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from src.data.batches.groups import PromptGroup, pack_groups
from src.data.llm_dataset import create_llm_dataset
from src.decoder.row_batch import RowBatch
from src.errors import YoyakError
from src.kernels import few_rows
from src.tests.tiny_models import DIALOGUES, SUMMARIES, load_tiny, tiny_config, write_tiny_model
from src.training.guards.interrupts import TrainingInterrupted
from src.training.refine.figures import Written, looks, means
from src.training.refine.refiner import RefineExample, Refiner
from src.training.refine.reward import Drawn, Reward
from src.training.refine.run import RefineRun
from src.training.state.checkpoints import find_checkpoint, read_checkpoint
from src.training.state.resolved import resolve


class Lengths:
    """Rewards long summaries, in this process."""

    def __call__(self, drawn: list[Drawn]) -> list[list[Reward]]:
        return [[Reward(float(len(text)), float(len(text)), 0, 0, 0, 0.0) for text in one.summaries] for one in drawn]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def refiner_of(base: str, folder: Path, use_lora: bool = True, **refine: Any) -> Refiner:
    config = tiny_config(base, folder, model__dtype="fp32", tokenizer__decoder_max_len=6)
    config.lora.use_lora = use_lora
    config.lora.use_qlora = use_lora
    settings = {"steps": 4, "dialogues": 2, "samples": 3, "eval_steps": 2, "patience": None, "learning_rate": 1e-2}
    config.refine = config.refine.model_copy(update=settings | refine)
    model, tokenizer = load_tiny(config)
    dataset = create_llm_dataset(DIALOGUES, SUMMARIES, tokenizer, decoder_max_len=6, language="en")
    examples = []
    for index, (dialogue, summary) in enumerate(zip(DIALOGUES, SUMMARIES, strict=True)):
        ids = dataset[index]["input_ids"]
        own = dataset[index]["labels"] != -100
        examples.append(RefineExample(dialogue, ids[~own].tolist(), summary, ids[own].tolist()))
    resolved = resolve(config, model, dataset)
    return Refiner(model, tokenizer, dataset.prompt, examples, config, Lengths(), resolved, rows=4)  # type: ignore[arg-type]


def run_of(refiner: Refiner, folder: Path, resume: Any = None) -> RefineRun:
    return RefineRun(refiner, refiner.examples[:2], folder, {"config": {}}, resume)


def weights(refiner: Refiner) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in refiner.parameters.items()}


def figures(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    measured = ("seconds", "resident_bytes", "processor_busy_percent")
    return [{name: value for name, value in line.items() if not name.endswith(measured)} for line in lines]


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


def test_a_run_that_was_stopped_ends_with_the_same_bytes(base: str, tmp_path: Path) -> None:
    whole = refiner_of(base, tmp_path / "one")
    run_of(whole, folder_of(tmp_path / "a")).train()
    stopped = run_of(refiner_of(base, tmp_path / "one"), folder_of(tmp_path / "b"))
    with pytest.raises(TrainingInterrupted) as caught:
        stopped.train(lambda step, _: stopped._interrupt._stop(15, None) if step == 3 else None)
    assert caught.value.step == 3
    checkpoint, damaged = find_checkpoint(tmp_path / "b" / "checkpoints")
    assert (checkpoint.step if checkpoint else None, damaged) == (3, [])
    with (tmp_path / "b" / "metrics.jsonl").open("a") as file:
        file.write("of a step that was lost\n")
    again = refiner_of(base, tmp_path / "one")
    run_of(again, tmp_path / "b", checkpoint).train()
    for name, value in weights(whole).items():
        assert torch.equal(weights(again)[name], value), name
    assert figures(tmp_path / "a") == figures(tmp_path / "b")


def test_a_run_goes_on_with_the_room_that_it_had(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What memory allows now may be more; a GPU's graphs are of the size in use, here told in their place."""
    stopped = refiner_of(base, tmp_path / "one")
    stopped.use_room(40, 0)
    stopped.rows = 3
    monkeypatch.setattr(few_rows, "_has_failed", True)
    run = run_of(stopped, folder_of(tmp_path / "a"))
    with pytest.raises(TrainingInterrupted):
        run.train(lambda step, _: run._interrupt._stop(15, None) if step == 1 else None)
    checkpoint, _ = find_checkpoint(tmp_path / "a" / "checkpoints")
    monkeypatch.setattr(few_rows, "_has_failed", False)
    again = refiner_of(base, tmp_path / "one")
    assert (again.rows, again.decoder.kept_layers, again.decoder.keeps_inputs) == (4, 2, True)
    monkeypatch.setattr(again, "_captured_passes", lambda: again.micro_batch_tokens)
    run_of(again, tmp_path / "a", checkpoint)
    assert (again.micro_batch_tokens, again._passes, again.rows) == (40, 40, 3)
    assert (again.decoder.kept_layers, again.decoder.keeps_inputs) == (0, False)
    assert few_rows.leaves_onednn()
    assert caplog.messages == []
    fewer = refiner_of(base, tmp_path / "one")
    fewer.rows = 2
    run_of(fewer, tmp_path / "a", checkpoint)
    assert fewer.rows == 2
    assert caplog.messages == [
        "Memory holds 2 summaries at a time, and held 3: the run goes on, but not to the last bit"
    ]


def test_the_best_state_is_kept_and_no_progress_ends_it(base: str, tmp_path: Path) -> None:
    """Evaluations that only get worse: the start's weights come back after as many as `patience` says."""
    refiner = refiner_of(base, tmp_path / "one", steps=9, eval_steps=1, patience=2)
    before, falling = weights(refiner), iter(range(10, 0, -1))
    refiner.evaluate = lambda _: {"eval_reward": float(next(falling)), "eval_facts_kept": 0.0}  # type: ignore
    run = run_of(refiner, folder_of(tmp_path / "a"))
    run.train()
    assert refiner.step == 2
    assert run.why == "no better reward on the evaluation dialogues since step 0"
    assert all(torch.equal(weights(refiner)[name], value) for name, value in before.items())


def test_the_pace_of_ten_steps_decides_how_many_fit(base: str, tmp_path: Path) -> None:
    """Ten steps of 3 s and an evaluation of 2 s in 50: 30 + 2 are spent, 2 go to the last evaluation, and 16 s hold
    four steps of 3.5 with their part of an evaluation every four."""
    refiner = refiner_of(base, tmp_path / "one", steps=100, eval_steps=4, minutes=50 / 60)
    run = run_of(refiner, folder_of(tmp_path / "a"))
    refiner.step, run.seconds, run._evaluation_seconds = 10, 32.0, 2.0
    run._step_seconds = [3.0] * 9
    run._keep_to_minutes()
    assert refiner.settings.steps == 100
    run._step_seconds = [9.0] + [3.0] * 9
    run._keep_to_minutes()
    assert refiner.settings.steps == 14
    checkpoint = read_checkpoint(run._save())
    again = run_of(refiner_of(base, tmp_path / "one", steps=100, minutes=50 / 60), tmp_path / "a", checkpoint)
    assert (again.refiner.settings.steps, again.paced) == (14, "at first")


def test_the_pace_after_a_quarter_of_the_time_decides_for_good(base: str, tmp_path: Path) -> None:
    refiner = refiner_of(base, tmp_path / "one", steps=100, eval_steps=4, minutes=80 / 60)
    run = run_of(refiner, folder_of(tmp_path / "a"))
    refiner.step, run.seconds, run._evaluation_seconds = 10, 19.0, 2.0
    run._make_steps(14, "at first")
    run._step_seconds = [3.0] * 4 + [1.0] * 5
    run.seconds = 20.0
    run._keep_to_minutes()
    assert (refiner.settings.steps, run.paced) == (14, "at first")
    run._step_seconds += [1.0]
    run.seconds = 19.9
    run._keep_to_minutes()
    assert (refiner.settings.steps, run.paced) == (14, "at first")
    run.seconds = 20.0  # 58 are left beside the last evaluation, for steps of 1.5 with their part of one
    run._keep_to_minutes()
    assert (refiner.settings.steps, run.paced) == (10 + 38, "for good")
    run._step_seconds, run.seconds = [9.0] * 20, 30.0
    run._keep_to_minutes()
    assert refiner.settings.steps == 48
    checkpoint = read_checkpoint(run._save())
    again = run_of(refiner_of(base, tmp_path / "one", steps=100, minutes=80 / 60), tmp_path / "a", checkpoint)
    assert (again.refiner.settings.steps, again.paced) == (48, "for good")


@pytest.mark.parametrize(
    ("seconds", "steps"),
    [([9.0], 100), ([9.0, 3.0], 2), ([9.0, 2.0], 100)],
    ids=["the first compiles", "no third fits", "a third fits"],
)
def test_minutes_that_hold_no_ten_steps_end_it_too(base: str, tmp_path: Path, seconds: list[float], steps: int) -> None:
    """Of 15 s two steps and evaluations of 1 s leave 2 or 3, the last evaluation apart."""
    refiner = refiner_of(base, tmp_path / "one", steps=100, minutes=15 / 60)
    run = run_of(refiner, folder_of(tmp_path / "a"))
    refiner.step, run.seconds, run._evaluation_seconds, run._step_seconds = len(seconds), sum(seconds) + 1, 1.0, seconds
    run._keep_to_minutes()
    assert refiner.settings.steps == steps


def test_lost_facts_end_it(base: str, tmp_path: Path) -> None:
    refiner = refiner_of(base, tmp_path / "one", eval_steps=1)
    kept = iter([0.5, 0.45, 0.39])
    refiner.evaluate = lambda _: {"eval_reward": float(refiner.step), "eval_facts_kept": next(kept)}  # type: ignore
    run = run_of(refiner, folder_of(tmp_path / "a"))
    run.train()
    assert refiner.step == 2
    assert run.why.startswith("facts are lost while the reward rises: 39% of the references' facts are kept, 50%")


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


def folder_of(path: Path) -> Path:
    path.mkdir()
    return path


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
