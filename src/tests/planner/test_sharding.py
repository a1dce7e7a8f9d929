"""Plans of weights that are cut over cards: what each holds, what gathering takes, and when it is chosen."""

from dataclasses import replace

import pytest

from src.config.loader import load_config
from src.errors import YoyakError
from src.planner.cluster import LINKS, Cluster, Link
from src.planner.devices import find_device
from src.planner.duration import step_counts
from src.planner.fastest import MemoryLimits, Workload, fastest_choice
from src.planner.job import Shards
from src.planner.memory import Activations
from src.planner.over_cards import cards_text, on_more_cards
from src.planner.plan import make_plan
from src.planner.shapes import shape_of_config
from src.planner.sharding import sharding_obstacle
from src.planner.sharding_bytes import backward_bytes, cut_parts, end_bytes, layer_bytes
from src.tests.planner.test_plan import situation

LLAMA_3_70B = {
    "model_type": "llama", "vocab_size": 128256, "hidden_size": 8192, "intermediate_size": 28672,
    "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8, "max_position_embeddings": 8192,
    "tie_word_embeddings": False,
}  # fmt: skip


def large(card="RTX 3090", cards=4, *settings):
    one = situation("training.gradient_checkpointing=auto", *settings)
    shape, device = shape_of_config(LLAMA_3_70B, "a model"), find_device(card)
    return replace(one, shape=shape, device=device, cluster=Cluster(cards, 1, LINKS[2]))


def test_a_gathering_brings_what_others_have():
    """Of 4 cards, 3 GB of 4 at 1 GB/s, and a tenth of a second for the way."""
    assert Shards(4, 1e9, 0.1).gather_seconds(4e9) == pytest.approx(3.1)
    assert Cluster(2, 2, Link("a", 9e9, 1e-6, ""), Link("b", 1e9, 1e-3, "")).shards() == Shards(4, 1e9, 1e-6 + 1e-3)


def test_70b_in_4_bit_fits_on_four_cards_of_24_gb_and_on_no_fewer():
    rows = on_more_cards(large())
    assert [(row.plan.fits, row.plan.sharding) for row in rows] == [(False, "none"), (False, "none"), (True, "weights")]
    parts = rows[2].plan.choice.memory.parts
    # 68.5 billion weights of the layers at half a byte, a quarter of them, beside 4.2 GB of embeddings and head.
    assert parts["weights"] / 1e9 == pytest.approx(68.45 / 2 / 4 + 4.2, abs=0.05)
    assert parts["gathered"] / 1e9 == pytest.approx(2 * 68.45 / 80 * (1 / 2 + 1 / 64 + 1 / 4096), abs=0.01)
    text = cards_text(rows, None).splitlines()
    assert [line[-1] for line in text[1:4]] == ["!", "!", "*"]
    assert [line.split()[-2] if line else "" for line in text[1:4]][2].startswith("24.")
    assert text[4:] == ["  * weights cut over the cards", "  ! does not fit"]


def test_what_fits_is_not_cut_unless_that_is_asked_for():
    whole = make_plan(large("H200"))
    cut = make_plan(large("H200", 4, "training.sharding=weights"))
    assert (whole.sharding, cut.sharding) == ("none", "weights")
    assert whole.step_seconds < cut.step_seconds
    assert cut.choice.time.parts["gathering"] > 0
    assert make_plan(large("RTX 3090", 4, "training.sharding=none")).sharding == "none"
    assert not make_plan(large("RTX 3090", 4, "evaluation.generate=true")).fits  # weights that are cut can't generate


def test_where_all_weights_train_gradients_and_states_are_cut_too():
    cut = make_plan(large("H200", 8, "lora.use_lora=false", "training.sharding=weights"))
    job, values = cut.choice.job, 70.55e9
    assert (job.engine, job.optimizer) == ("trainer", "adamw_torch")
    assert cut.choice.memory.parts["weights"] == pytest.approx(2 * values / 8, rel=0.001)
    assert cut.choice.memory.parts["optimizer"] == pytest.approx(4 * values / 8, rel=0.001)
    assert layer_bytes(job) == pytest.approx(2 * 68.45e9 / 80, rel=0.001)
    tables = 2 * 128256 * 8192
    assert cut_parts(job, dict.fromkeys(("weights", "gradients", "optimizer"), 800)) == {
        "weights": 100, "gradients": 100, "optimizer": 100, "gathered": 2 * layer_bytes(job) + 2 * tables,
    }  # fmt: skip
    # the head's gradient waits for the end, a layer's go out in 2 and in 4 bytes; then both tables', without weights
    assert backward_bytes(job) == 2 * layer_bytes(job) + 2 * tables + tables + 3 * layer_bytes(job)
    assert end_bytes(job) == 6 * tables
    assert cut.choice.memory.parts["gathered"] in (backward_bytes(job), end_bytes(job))
    assert cut.all_reduce_seconds == 2 * cut.situation.cluster.passes_seconds  # FSDP2 adds up by itself


def test_products_whose_outputs_wait_are_not_computed_again():
    """Of Llama-3-70B q, k, v (10,240 columns) and o of each layer; gate and up are."""
    choice = make_plan(large("H200", 4, "training.sharding=weights")).choice
    job, work = choice.job, choice.work
    waiting, again = (step_counts(job, work, Activations(0, waits=waits))["products"] for waits in (True, False))
    assert again - waiting == pytest.approx(2 * 80 * 8192 * (10_240 + 8192) * work.computed)
    kept = step_counts(job, work, Activations(80))["products"]
    assert waiting - kept == pytest.approx(2 * 80 * 8192 * 57_344 * work.computed)


@pytest.mark.parametrize("card", ["H200", "RTX 3090"])
def test_a_step_of_cut_weights_is_one_micro_batch_where_that_fits(card):
    """Two of 4,096 tokens that compute less again are planned 3% slower."""
    job = make_plan(large(card, 4, "training.sharding=weights")).choice.job
    job = replace(job, batch_size=16, accumulation=1)
    load = Workload(((2048, 307),) * 64, 0, 4)
    choice, fits = fastest_choice(job, load, find_device(card), MemoryLimits(24e9, 25e9))
    assert (fits, choice.micro_batch_tokens, choice.how) == (True, 8192, Activations(2))


def test_what_cannot_be_cut_is_said():
    assert sharding_obstacle(load_config("llama_3.2_3b")) is None
    with pytest.raises(YoyakError, match=r"^training.sharding = weights: there is one card; name more with --cards$"):
        make_plan(large("H200", 1, "training.sharding=weights"))
    with pytest.raises(YoyakError, match=r"^training.sharding = weights: 4-bit weights are cut in the packed engine;"):
        make_plan(large("H200", 2, "training.sharding=weights", "training.engine=trainer"))
