"""Cards by name, and this machine's."""

import json

import pytest

from src.errors import YoyakError
from src.planner.devices import CARDS, find_device
from src.planner.machine import card_of_memory, choose_device, read_profile, save_profile


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("rtx 4090", "RTX 4090"),
        ("4090", "RTX 4090"),
        ("RTX-4060-ti", "RTX 4060 Ti"),
        ("NVIDIA GeForce RTX 3060", "RTX 3060"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA A100-SXM4-40GB", "A100 40GB"),
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
