import pytest
import torch

from src.errors import YoyakError
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, tiny_tokenizer, write_tiny_model
from src.training.state.identity import (
    examples_digest,
    model_digest,
    refuse_another_run,
    run_identity,
    setting_differences,
)


def test_each_setting_that_changes_the_result_is_named():
    earlier = tiny_config("base").model_dump()
    now = tiny_config("base", training__learning_rate=0.02, lora__r=8, tokenizer__encoder_max_len=128)
    assert setting_differences(now, earlier) == [
        "lora.r is 8, was 4",
        "tokenizer.encoder_max_len is 128, was 256",
        "training.learning_rate is 0.02, was 0.01",
    ]


@pytest.mark.parametrize(
    "neutral",
    [
        {"experiment__name": "other"},
        {"experiment__output_dir": "elsewhere"},
        {"training__save_steps": 7},
        {"training__save_minutes": None},
        {"training__save_total_limit": 5},
        {"training__logging_steps": 3},
        {"training__report_to": ["tensorboard"]},
        {"data__train": "moved.csv"},
        {"evaluation__generate": True},
        {"generation__num_beams": 4},
    ],
)
def test_settings_that_change_nothing_in_the_weights_may_differ(neutral):
    assert setting_differences(tiny_config("base", **neutral), tiny_config("base").model_dump()) == []


def test_how_summaries_are_generated_counts_where_they_decide():
    earlier = tiny_config("base", training__metric_for_best_model="rouge_sum").model_dump()
    now = tiny_config("base", training__metric_for_best_model="rouge_sum", generation__num_beams=4)
    assert setting_differences(now, earlier) == ["generation.num_beams is 4, was 1"]


def test_settings_that_this_version_does_not_know():
    assert setting_differences(tiny_config("base"), {"model": {"checkpoint": "base"}, "future": 1}) == [
        "settings of another version of yoyak (2 can't be read)"
    ]


def test_examples_differ_by_ids_labels_and_order():
    tokenizer = tiny_tokenizer()
    items = [tiny_dataset(tokenizer)[index] for index in range(4)]
    same = [tiny_dataset(tokenizer)[index] for index in range(4)]
    assert examples_digest(items) == examples_digest(same) == examples_digest(tiny_dataset(tokenizer))
    assert examples_digest(items[::-1]) != examples_digest(items)
    same[3]["labels"][-1] = -100
    assert examples_digest(same) != examples_digest(items)


def test_the_digest_is_of_the_base_model_alone(tmp_path):
    config = tiny_config(write_tiny_model(tmp_path / "base"))
    model, _ = load_tiny(config)
    digest = model_digest(model)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.add_(1)
    assert model_digest(model) == digest
    other, _ = load_tiny(tiny_config(write_tiny_model(tmp_path / "other", seed=1)))
    assert model_digest(other) != digest


def test_data_and_model_are_named(tmp_path):
    config = tiny_config(write_tiny_model(tmp_path / "base"), data__train="t.csv", data__eval="e.csv")
    model, tokenizer = load_tiny(config)
    dataset = tiny_dataset(tokenizer)
    earlier = run_identity(config, model, dataset, dataset)
    refuse_another_run("outputs/tiny", run_identity(config, model, dataset, dataset), earlier, config)
    other, _ = load_tiny(tiny_config(write_tiny_model(tmp_path / "other", seed=1)))
    fewer = [dataset[0]]
    now = run_identity(config, other, fewer, None)
    with pytest.raises(YoyakError) as error:
        refuse_another_run("outputs/tiny", now, earlier, config)
    assert str(error.value) == (
        f"outputs/tiny: can't go on, this is another run: "
        f"model.checkpoint {config.model.checkpoint} has other weights; "
        "data.train t.csv gives other examples; data.eval e.csv gives other examples; "
        "set it back, or begin anew with --overwrite or another experiment.name"
    )
