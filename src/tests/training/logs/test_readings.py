"""What a run reads of its machine, on this one."""

import logging
import time

import psutil
import pytest
import torch

from src.models.cpu_memory import give_back_freed_memory
from src.ranks.launcher import usable_cores
from src.training.logs.readings import Readings

CPU = torch.device("cpu")


def test_memory_is_what_the_process_holds() -> None:
    give_back_freed_memory()  # of earlier tests: the tensor is to take memory of its own
    readings = Readings(CPU)
    before = readings.read()["resident_bytes"]
    held = torch.ones(50_000_000)  # of 4 bytes
    after = readings.read()["resident_bytes"]
    assert 190e6 < after - before < 260e6
    assert after == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)
    assert len(held) == 50_000_000


def test_load_is_the_share_of_all_cores_since_the_last_reading() -> None:
    """However much of the processor others take: what this process got, of what its cores had."""
    readings = Readings(CPU)
    readings.read()
    began, used = time.perf_counter(), time.process_time()
    while time.process_time() - used < 0.3:
        pass
    wall = time.perf_counter() - began
    assert readings.read()["processor_busy_percent"] == pytest.approx(30 / wall / usable_cores(), rel=0.1)
    time.sleep(0.3)
    assert readings.read()["processor_busy_percent"] < 10


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a card, whose sensors answer")
def test_sensors_that_do_not_answer_leave_the_others_and_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    readings = Readings(torch.device("cuda", 0))
    with caplog.at_level(logging.INFO, "yoyak"):
        assert readings.read() == {"gpu_memory_bytes": 0}
        readings._asked = -3.0 + time.monotonic()  # longer ago than the sensors' pause
        assert readings.read() == {"gpu_memory_bytes": 0}
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "The run goes on without the curve of gpu_busy_percent",
        "The run goes on without the curve of gpu_celsius",
    ]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_card_is_read() -> None:
    pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    held = torch.ones(50_000_000, device="cuda")
    found = Readings(held.device).read()
    assert found["gpu_memory_bytes"] >= 200e6
    assert 0 <= found["gpu_busy_percent"] <= 100
    assert 10 < found["gpu_celsius"] < 110
