"""Cards by name, and this machine's."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from src.errors import YoyakError
from src.planner.devices import CARDS, find_device
from src.planner.machine import card_of_memory, choose_device, cpu_name, detected_card, read_profile, save_profile


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("rtx 4090", "RTX 4090"),
        ("4090", "RTX 4090"),
        ("RTX-4060-ti", "RTX 4060 Ti"),
        ("NVIDIA GeForce RTX 3060", "RTX 3060"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),  # with three fifths of the bandwidth
        ("h100-pcie-80gb", "H100 PCIe"),
        ("NVIDIA A100-SXM4-40GB", "A100 40GB"),
        ("NVIDIA A100-PCIE-40GB", "A100 40GB"),
        ("NVIDIA A100 80GB PCIe", "A100 80GB"),
        ("a100", "A100 80GB"),
        ("Tesla T4", "T4"),
        ("NVIDIA RTX A6000", "A6000"),
        ("l40s", "L40S"),
    ],
)
def test_names_ignore_case_and_punctuation(name, card):
    assert find_device(name).name == card


def test_every_card_finds_itself_and_has_a_source():
    for card in CARDS:
        assert find_device(card.name) is card
        assert card.source
        assert card.bandwidth > 1e11
        assert card.flops > 1e13
    assert not find_device("t4").bf16


def test_an_unknown_card_names_the_nearest():
    with pytest.raises(YoyakError, match=r"--gpu RTX 4080: no such card here; nearest: RTX 40[69]0"):
        find_device("RTX 4080")


def test_memory_alone_takes_the_rates_of_a_card_with_as_much():
    assert card_of_memory(12).name == "a card of 12 GB, as fast as a RTX 3060"
    assert choose_device(None, 24).memory_bytes == 24_000_000_000
    assert choose_device("H100", 40).memory_bytes == 40_000_000_000
    with pytest.raises(YoyakError, match="--memory-gb -3: no card has that"):
        choose_device(None, -3)


def test_a_machine_without_a_card_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("YOYAK_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))  # no nvidia-smi
    with pytest.raises(YoyakError, match=r"this machine has no GPU; say which card to plan for \(--gpu NAME"):
        choose_device(None, None)


def test_a_profile_is_kept_and_read(tmp_path, monkeypatch):
    monkeypatch.setenv("YOYAK_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_profile() is None
    save_profile(CARDS[0])
    assert choose_device(None, None) == CARDS[0]
    (tmp_path / "plan_profile.json").write_text(json.dumps({"name": "x"}), encoding="utf-8")
    assert read_profile() is None


def test_a_profile_of_another_processor_is_not_taken(tmp_path, monkeypatch):
    """A home may be shared by machines, or outlive one."""
    monkeypatch.setenv("YOYAK_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    mine = replace(CARDS[0], name=cpu_name(), cpu=True)
    save_profile(mine)
    assert choose_device(None, None) == mine
    save_profile(replace(mine, name="another processor (avx2)"))
    assert read_profile() is None
    with pytest.raises(YoyakError, match="this machine has no GPU; say which card"):
        choose_device(None, None)


def test_figures_of_a_card():
    h100 = find_device("h100")
    assert h100.memory_bytes == 84_610_855_731  # 98.5% of 80 GiB
    assert (h100.bandwidth, h100.flops, h100.measured, h100.float8) == (3.35e12, 9.894e14, True, True)
    l4 = find_device("l4")
    assert (l4.bandwidth, l4.flops, l4.measured, l4.float8) == (3e11, 1.21e14, False, True)
    assert not find_device("a10").float8


def test_an_unnamed_card_is_no_faster_than_one_with_as_much_memory():
    card = card_of_memory(40)  # an A100 of 40 GB has 42.3e9 bytes
    assert (card.bandwidth, card.flops) == (1.555e12, 3.12e14)
    assert (card.measured, card.float8) == (False, None)
    assert card_of_memory(45).name.endswith("as fast as a A6000")  # of two cards with 48 GB the slower one
    assert card_of_memory(1000).name.endswith("as fast as a H200")
    assert card_of_memory(16).name.endswith("as fast as a RTX 4060 Ti")  # a T4 has as much, but no bf16


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A driver that answers as nvidia-smi does."""

    def answer(line: str) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\necho '{line}'\n")
        program.chmod(0o755)

    monkeypatch.setenv("YOYAK_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    return answer


def test_the_card_of_this_machine_is_asked_of_the_driver(driver):
    driver("NVIDIA GeForce RTX 4090, 24564")
    assert detected_card() == ("NVIDIA GeForce RTX 4090", 25_757_220_864)
    card = choose_device(None, None)
    assert (card.name, card.memory_bytes, card.flops) == ("RTX 4090", 25_757_220_864, 1.652e14)
    driver("No devices were found")
    assert detected_card() is None


def test_a_profile_of_another_card_is_not_taken(driver):
    driver("NVIDIA L4, 23034")
    save_profile(replace(find_device("T4"), name="NVIDIA H100"))
    assert choose_device(None, None).name == "L4"
    mine = replace(find_device("T4"), name="NVIDIA L4", flops=1.0)
    save_profile(mine)
    assert choose_device(None, None) == mine
    driver("Some New Card, 1024")
    with pytest.raises(YoyakError, match="this machine's Some New Card is not in the table of cards"):
        choose_device(None, None)


def test_a_profile_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    monkeypatch.setenv("YOYAK_HOME", str(tmp_path))
    save_profile(CARDS[0])

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        save_profile(CARDS[1])
    monkeypatch.undo()
    monkeypatch.setenv("YOYAK_HOME", str(tmp_path))
    assert read_profile() == CARDS[0]
