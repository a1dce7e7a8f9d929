"""The best checkpoint by generated summaries: `training.metric_for_best_model: rouge_sum`."""

import json

import pytest

from src.tests.tiny_models import DIALOGUES, SUMMARIES, load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training.generation_score import prompts_and_references
from src.training.llm_trainer import create_llm_trainer


@pytest.fixture
def checkpoint(tmp_path):
    return write_tiny_model(tmp_path / "base")


def trainer_for(config):
    model, tokenizer = load_tiny(config)
    dataset = tiny_dataset(tokenizer)
    return create_llm_trainer(config, model, tokenizer, dataset, dataset)


def learning(checkpoint, folder, **settings):
    values = {
        "tokenizer__decoder_max_len": 40,
        "training__max_steps": 200,
        "training__batch_size": 4,
        "training__eval_steps": 4,
        "training__save_total_limit": 1,
        "lora__r": 16,
        **settings,
    }
    return tiny_config(checkpoint, folder, **values)


def test_rouge_decides_the_best_checkpoint_and_early_stopping(checkpoint, tmp_path):
    """ROUGE reaches 275, its most, and stays there while the loss goes on falling: the first of these is the best.

    275: three times 300, and 200 for the one summary of a single word, which has no pairs.
    """
    config = learning(
        checkpoint, tmp_path, training__metric_for_best_model="rouge_sum", training__early_stopping_patience=2
    )
    trainer = trainer_for(config)
    args = trainer.trainer.args
    assert (args.metric_for_best_model, args.greater_is_better) == ("eval_rouge_sum", True)
    results = trainer.train()
    evaluations = [entry for entry in trainer.trainer.state.log_history if "eval_rouge_sum" in entry]
    scores = [entry["eval_rouge_sum"] for entry in evaluations]
    assert scores[0] < 275
    assert scores[-3:] == pytest.approx([275, 275, 275])
    assert scores[-4] < 275
    assert results["steps"] == 4 * len(scores) < 200
    assert results["eval_metrics"]["eval_rouge_sum"] == pytest.approx(275)
    assert results["eval_metrics"]["eval_loss"] == evaluations[-3]["eval_loss"] > evaluations[-1]["eval_loss"]
    assert trainer.evaluate()["eval_loss"] == pytest.approx(evaluations[-3]["eval_loss"], rel=1e-4)
    lines = [json.loads(line) for line in (tmp_path / "tiny" / "metrics.jsonl").read_text().splitlines()]
    assert [line["eval_rouge_sum"] for line in lines if "eval_loss" in line][: len(scores)] == scores


def test_generating_changes_nothing_in_the_training(checkpoint, tmp_path):
    def losses(metric):
        config = learning(
            checkpoint,
            tmp_path / metric,
            training__max_steps=6,
            training__eval_steps=2,
            training__metric_for_best_model=metric,
            training__engine="trainer",  # whose dropout draws from torch's generator
            lora__dropout=0.3,
        )
        trainer = trainer_for(config)
        trainer.train()
        return [entry["loss"] for entry in trainer.trainer.state.log_history if "loss" in entry], trainer

    plain, trainer = losses("eval_loss")
    assert not any("eval_rouge_sum" in entry for entry in trainer.trainer.state.log_history)
    assert losses("rouge_sum")[0] == plain


def test_prompts_and_references_are_those_of_the_dataset(checkpoint, tmp_path):
    _, tokenizer = load_tiny(learning(checkpoint, tmp_path))
    dataset = tiny_dataset(tokenizer)
    prompts, references, end_id = prompts_and_references(dataset, tokenizer)
    assert references == SUMMARIES
    assert prompts == dataset.prompt.encode_prompts(DIALOGUES)
    assert end_id == dataset.prompt.end_id == 258
