"""Comparisons of methods, cards and lengths, and plans in words."""

from dataclasses import replace

import pytest

from src.config import load_config
from src.planner.compare import compared, picture, table_text, ticks_of, x_of, y_of
from src.planner.devices import find_device
from src.planner.lengths import lengths_by_hand
from src.planner.model_shape import ModelShape
from src.planner.plan import Situation, make_plan
from src.planner.shapes import find_shape
from src.planner.words import memory_lines, plan_text, verdict


def situation(*overrides: str, gpu: str = "H100", gigabytes: float | None = None) -> Situation:
    config = load_config("llama_3.2_3b", overrides)
    device = find_device(gpu)
    if gigabytes is not None:
        device = replace(device, memory_bytes=int(gigabytes * 1e9))
    lengths = lengths_by_hand("300,600,1000", 500)
    return Situation(config, find_shape(config.model.checkpoint)[0], lengths, lengths.first(50), device)


def test_a_comparison_has_every_method_and_its_picture_is_an_svg():
    rows = compared(situation(), [find_device("RTX 3060"), find_device("H100")])
    assert len(rows) == 18
    assert {row.method for row in rows if not row.plan.fits} >= {"full"}
    drawing = picture(rows, "a < b")
    assert drawing.startswith("<svg xmlns=")
    assert "a &lt; b" in drawing
    assert drawing.count("<title>") == 19 + 2
    import xml.etree.ElementTree as ElementTree

    ElementTree.fromstring(drawing)


def test_a_comparison_is_of_three_methods_and_three_lengths_a_card():
    rows = compared(situation(), [find_device("H100")])
    kinds = [(row.method, row.scale, row.plan.choice.job.method) for row in rows]
    assert kinds == [(method, scale, method) for method in ("qlora", "lora", "full") for scale in (0.5, 1.0, 2.0)]
    half, once, twice = (row.plan.situation.train.prompts for row in rows[:3])
    assert [round(size / 2) for size in once] == half
    assert [size * 2 for size in once] == twice
    table = table_text(rows).splitlines()
    assert len(table) == 10
    assert table[1].startswith("H100           QLoRA                  x0.5")
    gone = table_text(compared(situation(), [replace(find_device("H100"), memory_bytes=10**9)])).splitlines()
    assert all(line.endswith("       -  does not fit") for line in gone[1:])


def test_places_of_the_picture():
    """From 1 to 100 GB: 10 GB stand in the middle; more memory stands further right, more hours higher."""
    scale = (0.0, 4.605170185988092)
    assert (x_of(1, scale), x_of(10, scale), x_of(100, scale)) == pytest.approx((70, 330, 590))
    assert (y_of(1, scale), y_of(10, scale), y_of(100, scale)) == pytest.approx((410, 225, 40))
    assert ticks_of(scale) == pytest.approx([1, 2, 5, 10, 20, 50, 100])


def test_what_does_not_fit_is_hollow():
    rows = compared(situation(), [find_device("RTX 3060")])
    hollow = sum(not row.plan.fits for row in rows)
    assert 0 < hollow < 9
    drawing = picture(rows, "x")
    assert drawing.count('fill="none" fill-opacity') == hollow
    assert drawing.count("<title>RTX 3060, QLoRA, lengths x0.5: ") == 1


def test_verdicts_in_words():
    fits = make_plan(situation(gigabytes=24))
    need = fits.choice.memory.device_bytes / 1e9
    assert verdict(fits) == f"Fits: {need:.1f} of 24.0 GB on H100, {24 - need:.1f} GB to spare."
    over = make_plan(situation(gigabytes=1))
    need = over.choice.memory.device_bytes / 1e9
    assert verdict(over) == f"Does not fit: {need:.1f} GB at the least, {need - 1:.1f} more than the 1.0 GB of H100."
    budget = make_plan(situation("training.memory_budget_gb=2"))
    need = budget.choice.memory.peak_bytes / 1e9
    assert verdict(budget) == (
        f"Does not fit: {need:.1f} GB at the least, {need - 2:.1f} more than the 2.0 GB of training.memory_budget_gb."
    )


def test_the_bar_of_memory_and_the_marks_of_estimates():
    fits, over = make_plan(situation(gigabytes=24)), make_plan(situation(gigabytes=1))
    filled = round(40 * fits.choice.memory.device_bytes / 24e9)
    assert memory_lines(fits)[0].startswith(f"Memory [{'#' * filled}{'.' * (40 - filled)}] ")
    assert memory_lines(over)[0].startswith(f"Memory [{'#' * 40}] ")
    assert memory_lines(over)[0].endswith(" of 1.0 GB (over)")
    assert "(an estimate: this card was not measured)" not in plan_text(fits, [], None)
    assert "(an estimate: this card was not measured)" in plan_text(make_plan(situation(gpu="L4")), [], 2)
    hour = fits.total_seconds / 3600
    assert f", {hour * 2.5:.2f} at 2.5 an hour" in plan_text(fits, [], 2.5)


def test_a_large_vocabulary_is_named():
    """Gemma 3 270M: 262,144 rows of 640 in bf16, and logits of 1,024 positions; of Llama 3B they are a sixth."""
    gemma = ModelShape("gemma3_text", 262_144, 640, 2048, 18, 4, 1, 256, tied=True, windows=(512,) * 15)
    line = memory_lines(make_plan(replace(situation(), shape=gemma)))[-1]
    assert line == "  of it 0.87 GB are the vocabulary's 262,144 tokens: 0.34 GB embeddings and head, 0.54 GB logits"
    assert "vocabulary" not in "".join(memory_lines(make_plan(situation("lora.use_qlora=false"))))
