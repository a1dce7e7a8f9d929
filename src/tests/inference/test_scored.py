"""Scoring a model and its rows: what reaches the scores, and the file of predictions."""

import json

import pytest

from src.config.schema import Config
from src.data.files.sources import DialogueRow
from src.data.llm_dataset import create_llm_dataset
from src.inference.generator import generate_summaries
from src.inference.scored import evaluate_model, score_rows, write_predictions
from src.tests.tiny_models import DIALOGUES, load_tiny, tiny_config, write_tiny_model

ROWS = [
    DialogueRow("d1", "Anna: I am waiting at 3.", "Anna is waiting.", "trains"),
    DialogueRow("d2", "벤: 안녕?", "벤이 인사한다."),
]


def config_of(**evaluation: object) -> Config:
    return Config.model_validate({"model": {"checkpoint": "x"}, "experiment": {"name": "x"}, "evaluation": evaluation})


def test_a_model_is_scored_on_what_it_generates(tmp_path):
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path, evaluation__stemmer=True)
    model, tokenizer = load_tiny(config)
    prompt = create_llm_dataset(["A: Hi."], ["Hi."], tokenizer, decoder_max_len=12, format_type="chat").prompt
    generated = generate_summaries(model, tokenizer, prompt, [row.dialogue for row in ROWS], config.generation)
    steps: list[int] = []
    found = evaluate_model(model, tokenizer, prompt, ROWS, config, steps.append)
    assert found.summaries == [result.text for result in generated]
    assert found.unended == sum(not result.ended for result in generated) > 0
    assert steps == [1, 1]
    assert (found.scores.n, found.scores.stemmer, found.scores.tokenization) == (2, True, "word")


def test_loops_are_counted(tmp_path):
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path, lora__use_qlora=False)
    model, tokenizer = load_tiny(config)
    prompt = create_llm_dataset(
        ["A: Hi."], ["Hi."], tokenizer, decoder_max_len=60, format_type="chat", language="en"
    ).prompt
    rows = [DialogueRow(str(index), dialogue, "Hi.") for index, dialogue in enumerate(DIALOGUES)]
    generated = generate_summaries(model, tokenizer, prompt, DIALOGUES, config.generation)
    found = evaluate_model(model, tokenizer, prompt, rows, config)
    assert found.looped == sum(result.looped for result in generated) == 1
    assert found.unended > 1


@pytest.mark.parametrize(("temperature", "among"), [("auto", [n / 10 for n in range(3, 21)]), (0.75, [0.75])])
def test_of_mbr_the_temperature_is_told(tmp_path, temperature, among):
    config = tiny_config(write_tiny_model(tmp_path / "base"), tmp_path, generation__mbr_samples=2)
    model, tokenizer = load_tiny(config)
    prompt = create_llm_dataset(["A: Hi."], ["Hi."], tokenizer, decoder_max_len=12, format_type="chat").prompt
    assert evaluate_model(model, tokenizer, prompt, ROWS, tiny_config("base")).mbr_temperature is None
    config.generation.mbr_temperature = temperature
    before = prompt.counts.examples
    assert evaluate_model(model, tokenizer, prompt, ROWS, config).mbr_temperature in among
    assert prompt.counts.examples == before + len(ROWS)


def test_rows_are_scored_as_the_settings_say():
    summaries = ["Anna waits at 5.", "벤이 인사한다."]
    result = score_rows(ROWS, summaries, [True, False], config_of(stemmer=True), baseline=["x", "y"])
    # anna, wait at 5 / anna, is, wait: 2 of 4 and 3 words
    assert result.per_dialogue["rouge1"] == pytest.approx((400 / 7, 100))
    assert result.checks.unended == ["d2"]
    assert [(fact.fname, fact.text) for fact in result.checks.predictions.facts.unsupported] == [("d1", "5")]
    assert result.baseline is not None
    assert result.baseline.scores["rouge1"].value == 0
    plain = score_rows(ROWS, summaries, [True, True], config_of(tokenization="char"), facts=False)
    assert (plain.tokenization, plain.stemmer, plain.baseline) == ("char", False, None)
    assert plain.checks.predictions.facts is None
    assert plain.checks.predictions.coverage is not None


def test_predictions_are_a_json_line_a_row_with_what_is_named(tmp_path):
    path = tmp_path / "predictions.jsonl"
    write_predictions(path, ROWS, zero_shot=["a", "b"], fine_tuned=["c", "나"])
    lines = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0]) == {
        "fname": "d1",
        "topic": "trains",
        "dialogue": "Anna: I am waiting at 3.",
        "summary": "Anna is waiting.",
        "zero_shot": "a",
        "fine_tuned": "c",
    }
    assert lines[1] == (
        '{"fname": "d2", "topic": null, "dialogue": "벤: 안녕?", "summary": "벤이 인사한다.", '
        '"zero_shot": "b", "fine_tuned": "나"}'
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["predictions.jsonl"]


def test_predictions_that_break_off_leave_the_file_before(tmp_path):
    path = tmp_path / "predictions.jsonl"
    write_predictions(path, ROWS, zero_shot=["a", "b"])
    before = path.read_bytes()
    with pytest.raises(IndexError):
        write_predictions(path, ROWS, zero_shot=["c"])
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["predictions.jsonl"]
