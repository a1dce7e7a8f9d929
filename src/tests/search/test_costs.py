"""What is counted for a trial and for a step of refining."""

from dataclasses import replace

import pytest

from src.config.loader import load_config
from src.errors import YoyakError
from src.planner.devices import find_device
from src.planner.lengths import Lengths
from src.planner.shapes import shape_of_config
from src.search.costs import Machine, Spent, Units, drawn_summaries, evenly_spread
from src.search.foresee import foresee
from src.search.pace import Pace
from src.search.space import search_space

SHAPE = shape_of_config(
    {
        "model_type": "llama", "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True,
    },
    "tiny",
)  # fmt: skip


def machine(dialogues, dev=10):
    return Machine(
        SHAPE,
        Lengths([200] * dialogues, [30] * dialogues, "x"),
        Lengths([100] * dev, [20] * dev, "x"),
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


@pytest.mark.parametrize(
    ("train", "dev", "settings", "losses"),
    [
        (80, 100, [], 24),  # 0.3 of 80
        (80, 20, [], 20),
        (20, 100, [], 16),  # 16 at the least
        (20, 10, [], 10),
        (12_000, 500, [], 500),
        (12_000, 500, ["training.eval_steps=50"], 60),  # 50 steps of 4 examples
        (80, 100, ["training.max_steps=100"], 24),
        (80, 100, ["data.instruction_augmentation=true"], 100),  # five times the examples
        (80, 100, ["data.max_train_examples=60"], 18),
        (80, 100, ["training.metric_for_best_model=rouge_sum"], 100),
        (80, 100, ["search.space={training.metric_for_best_model: [eval_loss, rouge_sum]}"], 100),
    ],
)
def test_the_loss_takes_a_tenth_of_the_training_before_it(train, dev, settings, losses):
    config = load_config("quickstart", settings)
    assert machine(train, dev).loss_dialogues(config, search_space(config)) == losses


def test_an_evaluation_is_of_the_dialogues_that_are_measured():
    config, whole = load_config("quickstart"), machine(80, 100)
    some = replace(whole, losses=24)
    assert some.units(config) == replace(
        whole.units(config), evaluation=pytest.approx(0.24 * whole.units(config).evaluation, rel=0.06)
    )  # but for a last micro-batch that is not full
    # What `yoyak plan --search` says: at the end 100 summaries, on the way two evaluations and one at each pause.
    config = load_config("quickstart", ["data.test=x.csv"])
    planned = foresee(config, whole, search_space(config), 3600).first_seconds
    assert planned == pytest.approx(Pace().seconds(some.units(config), 100, 2))
    assert planned < Pace().seconds(whole.units(config), 100, 2)
    # Without data.test 40 of the 100 are set aside; of the 60 a loss of 24 takes as long.
    aside = load_config("quickstart")
    planned = foresee(aside, whole, search_space(aside), 3600).first_seconds
    assert planned == pytest.approx(Pace().seconds(some.units(aside), 60, 2))


def test_examples_are_spread():
    assert evenly_spread(range(20), 16) == [0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13, 15, 16, 17, 18]
    assert evenly_spread("abc", 3) == ["a", "b", "c"]
    assert evenly_spread("abc", 5) == ["a", "b", "c"]
