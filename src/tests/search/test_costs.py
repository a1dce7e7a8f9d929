"""What is counted for a trial and for a step of refining."""

import pytest

from src.config.loader import load_config
from src.errors import YoyakError
from src.planner.devices import find_device
from src.planner.lengths import Lengths
from src.planner.shapes import shape_of_config
from src.search.costs import Machine, Spent, Units, drawn_summaries

SHAPE = shape_of_config(
    {
        "model_type": "llama", "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True,
    },
    "tiny",
)  # fmt: skip


def machine(dialogues):
    return Machine(
        SHAPE,
        Lengths([200] * dialogues, [30] * dialogues, "x"),
        Lengths([100] * 10, [20] * 10, "x"),
        find_device("H100"),
    )


def test_a_summary_is_a_prompt_and_tokens():
    """1.3 of the references' 20 tokens; a token reads the weights (2 bytes each) once for the 10 rows of a batch."""
    found = machine(64).units(load_config("llama_3.2_3b"))
    flops, bandwidth, weights = find_device("H100").flops, find_device("H100").bandwidth, SHAPE.parameters
    assert found.tokens == 26
    assert found.prompt == pytest.approx(2 * weights * 100 / flops)
    assert found.token == pytest.approx(2 * weights / flops + 2 * weights / bandwidth / 10)
    several = machine(64).units(load_config("llama_3.2_3b", ["generation.mbr_samples=3"]))
    assert several.tokens == 4 * 26


def test_drawn_summaries():
    drawn = [
        drawn_summaries(load_config("quickstart", settings).generation)
        for settings in ([], ["generation.mbr_samples=7"], ["generation.num_beams=4"])
    ]
    assert drawn == [1, 8, 4]


def test_refining_draws_its_samples_of_each_dialogue():
    config = load_config("llama_3.2_3b", ["refine.dialogues=16", "refine.samples=8"])
    found, one = machine(64).refining(config), machine(64).units(config)
    assert found.drawing == pytest.approx(16 * (one.prompt + 8 * one.tokens * one.token))
    assert found.update > 0
    with pytest.raises(YoyakError, match="a step takes 16 dialogues and data"):
        machine(8).refining(config)


def test_parts_add_up():
    assert Spent(begins=1, begin=2.0, steps=3).plus(Spent(begins=1, train=4.0, tokens=5)).seconds == 6.0
    assert Units(40, 2.0, 2, 5.0, 0.1, 0.02, 20).whole == 90.0
