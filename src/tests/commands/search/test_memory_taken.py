"""A trial whose memory runs out though the plan fits the machine: put back, and no fault of its settings."""

import errno
from contextlib import ExitStack
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import yaml

from src.commands.search import loop, memory
from src.commands.search.reasons import GivenUpError
from src.commands.search.trial import Stage
from src.commands.speech import in_korean
from src.commands.train import run_steps
from src.errors import MemoryFullError, YoyakError
from src.models.lora_loader import LoRALoader
from src.search.costs import Spent
from src.search.memory_taken import MemoryShortage
from src.tests.commands.search.test_search import SEARCH, learning, record_of  # noqa: F401
from src.tests.commands.search.test_workers_decide import UNITS, measured, run_of, search_of
from src.tests.memory_limit import in_a_process_of_its_own, memory_limit
from src.tests.tiny_models import write_tiny_model

MB = 1_000_000


def limited(monkeypatch, trials):
    """Let the system refuse memory to the training of these many parts of trials, from the second trial on."""
    train, run_stage, limit = run_steps.train_and_record, loop.run_stage, ExitStack()

    def train_limited(run, trainer):
        if run.folder.name != "trial_0000" and trials:
            trials.pop()
            limit.enter_context(memory_limit(4 * MB))
        return train(run, trainer)

    def run_unlimited(*arguments):
        limit.close()
        return run_stage(*arguments)

    monkeypatch.setattr(run_steps, "train_and_record", train_limited)
    monkeypatch.setattr(loop, "run_stage", run_unlimited)
    monkeypatch.setattr(memory, "_WAIT_SECONDS", 0.0)
    return limit


@pytest.mark.long
@in_a_process_of_its_own
def test_memory_that_others_hold_is_not_counted_against_a_trial(yoyak, learning, monkeypatch):  # noqa: F811
    """The limit is the system's, which the plan doesn't know, as it doesn't know other processes."""
    write_tiny_model(learning / "base", intermediate_size=32768)
    config = yaml.safe_load((learning / "tiny.yaml").read_text())
    config["training"]["batch_size"] = 4
    (learning / "tiny.yaml").write_text(yaml.safe_dump(config))
    search = (*SEARCH, "search.trials=2", "search.pauses=[]")
    with limited(monkeypatch, [1] * 3):
        result = yoyak(*search)
    assert result.code == 2
    said = "yoyak: memory that other processes hold ran out 3 times in a row, the last time in trial 1 ("
    assert result.err.startswith(said), result.err
    assert result.out.count("Trial 1 is put back, not failed: memory that other processes hold ran out") == 2
    record = record_of(learning / "outputs" / "tiny_lora_search")
    assert (record["status"], record["chosen"]) == ("stopped", 0)
    assert [trial["state"] for trial in record["trials"]] == ["finished", "begun"]
    assert len(record["trials"][1]["put_back"]) == 3
    assert all(one["free_bytes"] < one["planned_bytes"] for one in record["trials"][1]["put_back"])
    with limited(monkeypatch, [1]):
        assert yoyak(*search).code == 0
    record = record_of(learning / "outputs" / "tiny_lora_search")
    assert [trial["state"] for trial in record["trials"]] == ["finished", "finished"]
    assert len(record["trials"][1]["put_back"]) == 4


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB."),
    MemoryFullError("out of memory with one example of 9 tokens; lower lora.r"),
    RuntimeError("CUDA error: out of memory"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    MemoryError(),
]


def run_out(folder, monkeypatch, planned, errors):
    """Let parts of a trial end by errors of a machine on which so many bytes were planned, then one by its end."""
    search = search_of(folder, 1e6, lambda config: UNITS)
    measured(search, 10.0)
    search.study.add(search.study.draw(), replace(UNITS, device_bytes=planned))
    search.machine.device = SimpleNamespace(name="T4", memory_bytes=1 << 62)
    left = list(errors)

    def stage(config):
        if left:
            raise left.pop(0)
        search.clock.left = 0.0
        return Stage({0: -1.5}, Spent(begins=1, begin=1.0, steps=4, train=4.0), None)

    monkeypatch.setattr(memory, "_WAIT_SECONDS", 0.0)
    return search, lambda: run_of(search, monkeypatch, stage)


@pytest.mark.parametrize("error", ERRORS)
def test_a_trial_is_put_back_where_others_hold_what_was_planned(tmp_path, monkeypatch, error):
    search, run = run_out(tmp_path, monkeypatch, 1 << 61, [error] * 2)
    run()
    trial = search.study.trials()[1]
    assert (trial.state, trial.measured, len(trial.attributes["put_back"])) == ("begun", {0: -1.5}, 2)
    (said, _) = [line for line in search.said if "put back" in line]
    assert said.startswith("Trial 1 is put back, not failed: memory that other processes hold ran out (T4: ")
    assert said.endswith(" of 4611686018.4 GB free, 2305843009.2 planned)")
    assert in_korean(said).startswith("시도 1: 실패로 치지 않고 나중에 다시 합니다.")
    assert in_korean(said).endswith(" GB 남음, 2305843009.2 GB 예상)")


@pytest.mark.parametrize("error", ERRORS)
def test_a_trial_fails_where_what_was_planned_was_free(tmp_path, monkeypatch, error):
    search, run = run_out(tmp_path, monkeypatch, 1000, [error])
    search.config.search.trials = 2
    run()
    trial = search.study.trials()[1]
    own = str(error) if isinstance(error, YoyakError) else "memory ran out (T4: "
    assert (trial.state, trial.reason.startswith(own)) == ("failed", True)
    assert in_korean(trial.reason) != trial.reason


def test_a_worker_gives_up_where_memory_stays_taken(tmp_path, monkeypatch):
    search, run = run_out(tmp_path, monkeypatch, 1 << 61, ERRORS)
    with pytest.raises(GivenUpError, match="ran out 3 times in a row, the last time in trial 1 ") as caught:
        run()
    assert search.study.trials()[1].state == "begun"
    assert in_korean(str(caught.value)).startswith("다른 프로세스가 쓰는 메모리 때문에 3번 연달아 모자랐습니다. ")


def test_a_shortage_is_waited_out(monkeypatch):
    """As long as the minute is not over: what was planned is free at the third look."""
    rooms = [10, 10, 30]
    looks = []
    monkeypatch.setattr(memory, "room_bytes", lambda _: rooms.pop(0))
    monkeypatch.setattr(memory.time, "sleep", looks.append)
    memory.wait_for_memory(MemoryShortage("T4", 40, 10, 20))
    assert looks == [1.0] * 2


def test_memory_that_runs_out_at_the_end_is_said_and_the_end_goes_on(yoyak, learning, monkeypatch):  # noqa: F811
    load = LoRALoader.load_model_and_tokenizer

    def full(loader, *arguments, trainable=True):
        if not trainable:
            torch.empty(1 << 60)  # more than any machine has: the allocator's own error
        return load(loader, *arguments, trainable=trainable)

    with monkeypatch.context() as patch:
        patch.setattr(LoRALoader, "load_model_and_tokenizer", full)
        result = yoyak(*SEARCH, "search.trials=1")
    said = "trial_0000/final_model: memory ran out when it was to summarize; free some, and the same command goes on\n"
    assert (result.code, result.err) == (2, f"yoyak: outputs/tiny_lora_search/{said}")
    assert yoyak(*SEARCH, "search.trials=1").code == 0
    assert record_of(learning / "outputs" / "tiny_lora_search")["test"]["dialogues"] == 2
