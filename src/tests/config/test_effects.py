"""Settings of generation that change no summary beside the others."""

import pytest

from src.config.effects import (
    without_effect,
    without_effect_in_schedule,
    without_effect_in_search,
    without_effect_in_training,
    without_effect_on_server,
)
from src.config.loader import load_config
from src.config.schema import GenerationSettings, TrainingSettings


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, []),
        ({"temperature": 0.5, "top_p": 0.9, "top_k": 3, "seed": 1}, ["temperature", "top_p", "top_k", "seed"]),
        ({"temperature": 0.5, "top_p": 0.9, "top_k": 3, "seed": 1, "do_sample": True}, []),
        ({"temperature": 0.5, "top_p": 0.9, "seed": 1, "mbr_samples": 4, "mbr_temperature": 0.7}, ["temperature"]),
        ({"mbr_temperature": 0.7, "mbr_references": "start"}, ["mbr_temperature", "mbr_references"]),
        ({"truncate_repetition": False}, []),
        ({"truncate_repetition": False, "mbr_samples": 4}, ["truncate_repetition"]),
        ({"mbr_metric": "chrf"}, []),  # of several models' summaries
        ({"mbr_samples": 4, "do_sample": True}, ["do_sample"]),
        ({"length_penalty": 2.0}, ["length_penalty"]),
        ({"length_penalty": 2.0, "num_beams": 2, "min_new_tokens": 2, "repetition_penalty": 2.0}, []),
    ],
)
def test_what_changes_no_summary(settings, names):
    found = without_effect(GenerationSettings(**settings))
    assert [sentence.partition(" ")[0] for sentence in found] == [f"generation.{name}" for name in names]


_SERVED = ["mbr_temperature=0.5", "mbr_metric=chrf", "length_penalty=2", "temperature=0.5", "seed=1", "batch_tokens=99"]


@pytest.mark.parametrize(
    ("settings", "engine", "names"),
    [
        ([], "transformers", []),
        (["top_p=0.5", "top_k=3"], "transformers", []),  # of requests with a temperature
        (_SERVED, "transformers", ["mbr_temperature", "mbr_metric", "length_penalty", "temperature", "seed"]),
        (_SERVED, "vllm", ["mbr_temperature", "mbr_metric", "length_penalty", "temperature", "seed", "batch_tokens"]),
        (["do_sample=true", "temperature=0.5", "seed=1"], "transformers", []),
        (["do_sample=true", "temperature=0.5", "seed=1"], "vllm", ["seed"]),
    ],
)
def test_what_no_request_goes_by(settings, engine, names):
    config = load_config("smollm2_135m", [f"generation.{one}" for one in settings])
    found = without_effect_on_server(config, engine)
    assert [sentence.partition(" ")[0] for sentence in found] == [f"generation.{name}" for name in names]


@pytest.mark.parametrize("engine", ["transformers", "vllm"])
def test_an_attention_kernel_on_a_server(engine):
    config = load_config("smollm2_135m", ["model.attn_implementation=eager"])
    found = without_effect_on_server(config, engine)
    assert [sentence.partition(" ")[0] for sentence in found] == ["model.attn_implementation"]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (["search.set_aside=0.2", "search.keep_one_in=2", "search.additions_share=0.1"], []),
        (["search.set_aside=0.2", "data.test=test.csv"], ["search.set_aside"]),
        (
            ["search.pauses=[]", "search.keep_one_in=2", "search.pause_dialogues=9", "search.pauses_share=1"],
            ["search.pauses_share", "search.keep_one_in", "search.pause_dialogues"],
        ),
        (["search.additions=[]", "search.additions_share=0.1"], ["search.additions_share"]),
        (["search.additions=[average]", "refine.steps=3"], ["refine.steps"]),
        (["refine.steps=3"], []),
        (["training.rank_timeout=3"], ["training.rank_timeout"]),
        (["training.report_to=[tensorboard, wandb]"], ["training.report_to"]),
        (["generation.temperature=0.5"], ["generation.temperature"]),
        (["generation.temperature=0.5", "search.space={generation.do_sample: [true, false]}"], []),
    ],
)
def test_what_changes_nothing_of_a_search(settings, names):
    found = without_effect_in_search(load_config("smollm2_135m", settings))
    assert [sentence.partition(" ")[0] for sentence in found] == names


def test_a_metric_that_chooses_nothing():
    found = without_effect(GenerationSettings(mbr_metric="chrf"), of_one_model=True)
    assert found == ["generation.mbr_metric is without effect: it is of MBR, as generation.mbr_samples=16"]
    assert without_effect(GenerationSettings(mbr_metric="chrf", mbr_samples=2), of_one_model=True) == []


def test_a_warm_up_that_a_schedule_lacks():
    constant = TrainingSettings(lr_scheduler_type="constant", warmup_ratio=0.3)
    line = "training.warmup_ratio is without effect: training.lr_scheduler_type=constant has no warm-up"
    assert without_effect_in_schedule(constant) == [line]
    for settings in ({"lr_scheduler_type": "constant"}, {"warmup_ratio": 0.3}):
        assert without_effect_in_schedule(TrainingSettings(**settings)) == []


def test_what_an_engine_ignores():
    training = TrainingSettings(micro_batch_tokens=512, memory_budget_gb=8)
    tokens = "training.micro_batch_tokens is without effect: it is of the packed engine"
    memory = "training.memory_budget_gb is without effect: it is of a GPU's memory"
    assert without_effect_in_training(training, "trainer", "cpu") == [tokens, memory]
    assert without_effect_in_training(training, "trainer", "cuda") == [tokens]
    assert without_effect_in_training(training, "packed", "cuda") == []
    assert without_effect_in_training(TrainingSettings(), "trainer", "cpu") == []
