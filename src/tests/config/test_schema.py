"""Defaults, bounds and checks of the schema that no shipped config repeats."""

import pytest

from src.config import load_config
from src.config.loader import flatten
from src.config.schema import Config
from src.tests.config import MODEL, error_of, write

DEFAULTS = {
    "model.dtype": "bf16",
    "model.chat_template": "auto",
    "model.attn_implementation": "sdpa",
    "model.trust_remote_code": False,
    "model.revision": None,
    "lora.use_lora": True,
    "lora.use_qlora": True,
    "lora.use_rslora": False,
    "lora.use_dora": False,
    "lora.init": "default",
    "lora.loraplus_lr_ratio": None,
    "lora.adapter": None,
    "lora.cache_dequantized": "auto",
    "dataset.format_type": "chat",
    "dataset.language": "ko",
    "dataset.system": None,
    "dataset.instruction": None,
    "data.dialogue_column": "dialogue",
    "data.summary_column": "summary",
    "data.id_column": "fname",
    "data.topic_column": "topic",
    "data.encoding": "auto",
    "data.dialogue_format": "auto",
    "data.on_bad_rows": "refuse",
    "data.max_train_examples": None,
    "data.max_eval_examples": None,
    "data.instruction_augmentation": False,
    "training.max_steps": None,
    "training.engine": "auto",
    "training.base_precision": "compute",
    "training.micro_batch_tokens": "auto",
    "training.memory_budget_gb": None,
    "training.batch_size": 8,
    "training.gradient_accumulation_steps": 8,
    "training.eval_batch_size": None,
    "training.seed": 42,
    "training.eval_steps": None,
    "training.logging_steps": 10,
    "training.save_steps": None,
    "training.save_minutes": 10,
    "training.save_total_limit": 2,
    "training.deterministic": False,
    "training.metric_for_best_model": "eval_loss",
    "training.early_stopping_patience": None,
    "training.max_bad_steps": 5,
    "training.on_divergence": "stop",
    "training.neftune_noise_alpha": None,
    "training.report_to": ["tensorboard"],
    "generation.batch_size": "auto",
    "generation.batch_tokens": None,
    "generation.num_beams": 1,
    "generation.do_sample": False,
    "generation.temperature": 1.0,
    "generation.top_p": 1.0,
    "generation.top_k": 0,
    "generation.seed": 0,
    "generation.min_new_tokens": 0,
    "generation.repetition_penalty": 1.0,
    "generation.no_repeat_ngram_size": 0,
    "generation.truncate_repetition": True,
    "generation.length_penalty": 1.0,
    "generation.mbr_samples": 0,
    "generation.mbr_metric": "rouge_sum",
    "generation.mbr_temperature": "auto",
    "generation.mbr_references": "auto",
    "evaluation.generate": False,
    "evaluation.tokenization": "word",
    "evaluation.stemmer": False,
    "experiment.output_dir": "outputs",
}


def test_defaults():
    settings = flatten(load_config(write("x.yaml", MODEL)))
    assert {key: settings[key] for key in DEFAULTS} == DEFAULTS


@pytest.mark.parametrize(
    ("setting", "allowed", "refused"),
    [
        ("training.warmup_ratio", ("0", "1"), ("-0.1", "1.1")),
        ("training.weight_decay", ("0",), ("-0.1",)),
        ("training.seed", ("0",), ("-1",)),
        ("training.save_total_limit", ("1",), ("0",)),
        ("training.max_grad_norm", ("0.1",), ("0", ".inf")),
        ("lora.alpha", ("0.5",), ("0",)),
        ("lora.dropout", ("0", "0.99"), ("1", "-0.1")),
        ("lora.loraplus_lr_ratio", ("1", "null"), ("0.9",)),
        ("generation.top_p", ("1", "0.1"), ("0", "1.1")),
        ("generation.top_k", ("0",), ("-1",)),
        ("generation.temperature", ("0.1",), ("0",)),
        ("generation.length_penalty", ("-1",), (".nan",)),
        ("generation.num_beams", ("1",), ("0",)),
        ("tokenizer.decoder_max_len", ("1",), ("0",)),
    ],
)
def test_bounds_of_numbers(setting: str, allowed: tuple[str, ...], refused: tuple[str, ...]):
    write("x.yaml", MODEL)
    for value in allowed:
        load_config("x.yaml", [f"{setting}={value}"])
    for value in refused:
        assert f"command line: {setting} = " in error_of(MODEL, f"{setting}={value}")


def test_searching_and_drawing_exclude_each_other():
    write("x.yaml", MODEL)
    assert load_config("x.yaml", ["generation.num_beams=4"]).generation.num_beams == 4
    assert load_config("x.yaml", ["generation.num_beams=1", "generation.mbr_samples=3"]).generation.mbr_samples == 3
    for drawing in ("do_sample=true", "mbr_samples=2"):
        with pytest.raises(Exception, match=f"num_beams = 2 searches and {drawing.partition('=')[0]} draws"):
            load_config("x.yaml", ["generation.num_beams=2", f"generation.{drawing}"])


def test_the_shortest_summary_is_no_longer_than_the_longest():
    write("x.yaml", MODEL)
    load_config("x.yaml", ["generation.min_new_tokens=20", "tokenizer.decoder_max_len=20"])
    with pytest.raises(Exception, match=r"min_new_tokens = 21 is more than tokenizer\.decoder_max_len = 20"):
        load_config("x.yaml", ["generation.min_new_tokens=21", "tokenizer.decoder_max_len=20"])


@pytest.mark.parametrize("name", ["a b", "요약_3b", "llama-3.2", ".hidden"])
def test_names_of_runs(name: str):
    write("x.yaml", MODEL)
    assert load_config("x.yaml", [f"experiment.name={name}"]).experiment.name == name


@pytest.mark.parametrize("name", ["''", ".", "..", "a/b", "a\\b", "a:b", "' a'", "'a '", "-rf", '"a\\nb"'])
def test_what_is_no_name_of_a_run(name: str):
    assert "command line: experiment.name = " in error_of(MODEL, f"experiment.name={name}")


def test_values_are_checked_when_they_are_assigned():
    config = load_config(write("x.yaml", MODEL))
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        config.training.batch_size = 0
    with pytest.raises(ValueError, match=r"has no field|no attribute"):
        config.training.learning_rat = 1.0  # type: ignore[attr-defined]


def test_unknown_keys_and_values_of_another_type_are_refused_wherever_they_come_from():
    values = {"model": {"checkpoint": "x"}, "experiment": {"name": "x"}}
    assert Config.model_validate(values).training.batch_size == 8
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        Config.model_validate(values | {"training": {"lr": 1.0}})
    with pytest.raises(ValueError, match="valid integer"):
        Config.model_validate(values | {"training": {"batch_size": "4"}})
