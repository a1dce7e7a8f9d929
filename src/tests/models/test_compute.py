"""The compute type is measured at each start; the best that was measured is kept and decides."""

import json
from pathlib import Path

import pytest
import torch

from src.models import compute
from src.models.compute import DtypeName, cpu_product_rates, measure_product_rate, resolve_compute
from src.planner.machine import cpu_name
from src.tests.models.conftest import write_rates

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without a GPU")


@no_gpu
@pytest.mark.parametrize(
    ("fp32", "bf16", "wanted", "chosen"),
    [
        (62.0, 9.7, "bf16", "fp32"),  # without bf16 instructions: 6 times slower
        (62.0, 9.7, "fp16", "fp32"),
        (60.0, 120.0, "bf16", "bf16"),
        (60.0, 120.0, "fp16", "bf16"),
        (60.0, 120.0, "fp32", "fp32"),  # asked for
        (60.0, 71.0, "bf16", "fp32"),  # less than a fifth faster: not worth its rounding
    ],
)
def test_the_faster_type_is_chosen_and_said(home: Path, fp32: float, bf16: float, wanted: str, chosen: str) -> None:
    write_rates(home, fp32=fp32, bf16=bf16)
    choice = resolve_compute(wanted)
    assert (choice.device, choice.dtype) == ("cpu", chosen)
    assert choice.reason == f"measured on this CPU: fp32 {fp32:.0f}, bf16 {bf16:.0f} GFLOP/s"
    assert choice.torch_dtype == {"fp32": torch.float32, "bf16": torch.bfloat16}[chosen]
    assert choice.threads == torch.get_num_threads()


def test_a_run_on_a_gpu_leaves_the_cores_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = torch.get_num_threads()
    for name, found in {"is_available": True, "get_device_name": "H200", "is_bf16_supported": True}.items():
        monkeypatch.setattr(torch.cuda, name, lambda found=found, **_: found)
    torch.set_num_threads(2)
    try:
        choice = resolve_compute("bf16")
        assert (choice.device, choice.dtype, choice.threads, torch.get_num_threads()) == ("cuda", "bf16", 1, 1)
    finally:
        torch.set_num_threads(threads)


def key() -> str:
    return f"{cpu_name()} / torch {torch.__version__} / {torch.get_num_threads()} threads"


@pytest.mark.usefixtures("new_process")
def test_a_measurement_is_kept_and_not_repeated_in_its_process(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "cpu_rates.json").unlink()
    first = cpu_product_rates()
    assert first.keys() == {"fp32", "bf16"}
    assert all(rate > 0 for rate in first.values())
    assert json.loads((home / "cpu_rates.json").read_text()) == {key(): first}
    assert [path.name for path in home.iterdir()] == ["cpu_rates.json"]

    def fail(*_: object) -> float:
        raise AssertionError("measured again")

    monkeypatch.setattr(compute, "measure_product_rate", fail)
    assert cpu_product_rates() == first


@pytest.mark.usefixtures("new_process")
def test_a_later_start_at_rest_replaces_what_a_busy_machine_reached(home: Path) -> None:
    write_rates(home, fp32=0.1, bf16=0.2)
    rates = cpu_product_rates()
    assert min(rates.values()) > 0.2
    assert json.loads((home / "cpu_rates.json").read_text()) == {key(): rates}


@pytest.mark.usefixtures("new_process")
def test_a_start_on_a_busy_machine_leaves_what_was_reached_at_rest(home: Path) -> None:
    write_rates(home, fp32=1e6, bf16=0.2)  # more than this processor does, then less
    rates = cpu_product_rates()
    assert rates["fp32"] == 1e6
    assert rates["bf16"] > 0.2
    assert json.loads((home / "cpu_rates.json").read_text()) == {key(): rates}


@pytest.mark.usefixtures("new_process")
def test_another_processor_is_measured_anew_and_the_first_kept(home: Path) -> None:
    (home / "cpu_rates.json").write_text(json.dumps({"another": {"fp32": 1e6, "bf16": 9.0}}))
    rates = cpu_product_rates()
    assert rates["fp32"] < 1e6
    assert json.loads((home / "cpu_rates.json").read_text()) == {"another": {"fp32": 1e6, "bf16": 9.0}, key(): rates}


@pytest.mark.usefixtures("new_process")
@pytest.mark.parametrize("content", ["", "[1, 2]", '{"half', '{"KEY": 5}', '{"KEY": {"fp32": null, "bf16": NaN}}'])
def test_a_broken_file_is_measured_over(home: Path, content: str) -> None:
    (home / "cpu_rates.json").write_text(content.replace("KEY", key()))
    rates = cpu_product_rates()
    assert rates["fp32"] > 0
    assert json.loads((home / "cpu_rates.json").read_text()) == {key(): rates}


def test_measuring_leaves_the_seeded_numbers_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    measure_product_rate(torch.float32, seconds=0.01)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.usefixtures("new_process")
def test_a_cache_folder_that_cannot_be_written_stops_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").touch()
    monkeypatch.setenv("YOYAK_HOME", str(home / "file"))
    assert cpu_product_rates()["fp32"] > 0


@pytest.mark.parametrize(
    ("has_bf16", "wanted", "chosen", "reason"),
    [
        (False, "bf16", "fp16", "Tesla T4 has no bf16: fp16 with a gradient scaler"),
        (True, "bf16", "bf16", "as configured, on Tesla T4"),
        (True, "fp16", "fp16", "as configured with a gradient scaler, on Tesla T4"),
    ],
)
def test_a_card_without_bf16_computes_in_fp16_and_says_so(
    monkeypatch: pytest.MonkeyPatch, has_bf16: bool, wanted: DtypeName, chosen: str, reason: str
) -> None:
    """Trap 15. The card is pretended: this machine has none."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    choice = resolve_compute(wanted)
    assert (choice.device, choice.dtype, choice.reason) == ("cuda", chosen, reason)
