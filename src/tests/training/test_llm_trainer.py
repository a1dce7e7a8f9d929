import json
import os
from pathlib import Path

import pytest
import torch

from src.config.loader import load_config
from src.errors import YoyakError
from src.tests.small_disk import mounted_disk
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training.llm_trainer import LLMTrainer, create_llm_trainer


@pytest.fixture
def checkpoint(tmp_path):
    return write_tiny_model(tmp_path / "base")


def trainer_for(config, with_eval=True, **options):
    model, tokenizer = load_tiny(config)
    dataset = tiny_dataset(tokenizer)
    return create_llm_trainer(
        config=config,
        model=model,
        tokenizer=tokenizer,
        train_dataset=dataset,
        eval_dataset=dataset if with_eval else None,
        **options,
    )


def test_arguments_follow_the_config(checkpoint, tmp_path):
    config = tiny_config(
        checkpoint,
        tmp_path,
        training__engine="trainer",
        training__max_steps=None,
        training__epochs=3.0,
        training__warmup_ratio=0.1,
        training__weight_decay=0.1,
        training__max_grad_norm=1.2,
        training__gradient_accumulation_steps=8,
    )
    trainer = trainer_for(config)
    args = trainer._create_training_args()
    assert (args.num_train_epochs, args.max_steps) == (3.0, -1)
    assert (args.per_device_train_batch_size, args.gradient_accumulation_steps) == (2, 8)
    assert (args.learning_rate, args.lr_scheduler_type, args.warmup_steps) == (1e-2, "cosine", 0.1)
    assert (args.weight_decay, args.max_grad_norm) == (0.1, 1.2)
    assert (args.eval_strategy, args.save_strategy, args.load_best_model_at_end) == ("epoch", "epoch", True)
    assert (args.metric_for_best_model, args.greater_is_better) == ("eval_loss", False)
    assert args.seed == args.data_seed == 42
    assert trainer.trainer.processing_class is trainer.tokenizer


@pytest.mark.parametrize(
    ("shape", "length", "rates"),
    [  # two steps a pass
        ("cosine", {"max_steps": 4}, [1, 0.853553, 0.5, 0.146447]),
        ("cosine_with_restarts", {"max_steps": 4}, [1, 0.5, 1, 0.5]),
        ("cosine_with_restarts", {"max_steps": None, "epochs": 2.0}, [1, 0.5, 1, 0.5]),
        ("cosine_with_restarts", {"max_steps": 2}, [1, 0.5]),
        ("linear", {"max_steps": 4}, [1, 0.75, 0.5, 0.25]),
        ("polynomial", {"max_steps": 4}, [1, 0.75, 0.5, 0.25]),
    ],
)
def test_the_shapes_of_schedules(checkpoint, tmp_path, shape, length, rates):
    """At a rate, too, below that at which transformers lets a polynomial end."""
    settings = {f"training__{name}": value for name, value in length.items()}
    settings |= {"training__lr_scheduler_type": shape, "training__learning_rate": 1e-8}
    trainer = trainer_for(tiny_config(checkpoint, tmp_path, **settings), with_eval=False)
    trainer.train()
    found = [1e8 * line["learning_rate"] for line in trainer.trainer.state.log_history if "learning_rate" in line]
    assert found == pytest.approx(rates, abs=1e-6)


@pytest.mark.parametrize(
    ("share", "steps", "warmup"),
    [(0.1, 20, 2), (0.1, 11, 2), (0.0, 5, 0), (0.1, 1, 0), (0.5, 2, 1), (0.9, 3, 2), (1.0, 10, 9), (1.0, 1, 0)],
)
def test_the_learning_rate_is_reached_at_the_last_step_at_the_latest(checkpoint, tmp_path, share, steps, warmup):
    trainer = trainer_for(tiny_config(checkpoint, tmp_path, training__warmup_ratio=share))
    assert trainer._create_training_args().get_warmup_steps(steps) == warmup


def test_a_training_of_one_step_learns(checkpoint, tmp_path):
    """Under the usual warm-up, a share of 0.1."""
    trainer = trainer_for(tiny_config(checkpoint, tmp_path, training__warmup_ratio=0.1, training__max_steps=1))
    before = {name: value.clone() for name, value in trainer.model.named_parameters() if value.requires_grad}
    trainer.train()
    after = dict(trainer.model.named_parameters())
    assert any(not torch.equal(after[name], value) for name, value in before.items())


def test_cuda_optimizer_becomes_adamw_on_the_cpu_and_says_so(checkpoint, tmp_path, caplog):
    if os.environ.get("CUDA_VISIBLE_DEVICES") is None and Path("/dev/nvidia0").exists():
        pytest.skip("this machine has a GPU, on which the paged optimizer runs")
    caplog.set_level("INFO", logger="yoyak")
    trainer = trainer_for(tiny_config(checkpoint, tmp_path, training__optim="paged_adamw_8bit"))
    assert trainer._create_training_args().optim == "adamw_torch"
    assert "paged_adamw_8bit needs CUDA; adamw_torch is used on the CPU" in caplog.messages


def test_results_and_files(checkpoint, tmp_path):
    config = tiny_config(checkpoint, tmp_path, training__max_steps=4, training__report_to=["tensorboard"])
    results = trainer_for(config).train()
    final = tmp_path / "tiny" / "final_model"
    assert results["model_path"] == str(final)
    assert results["steps"] == 4
    assert results["train_loss"] > 0
    assert results["train_runtime"] > 0
    assert results["eval_metrics"]["eval_loss"] > 0
    assert results["trained_tokens"] == 2 * sum(len(tiny_item) for tiny_item in lengths_of(config))
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "yoyak.yaml"} <= names(final)
    assert load_config(final / "yoyak.yaml") == config
    lines = [json.loads(line) for line in (tmp_path / "tiny" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4]
    assert all(line["tokens_per_second"] > 0 for line in lines if "loss" in line)
    assert [line["step"] for line in lines if "eval_loss" in line] == [2, 4]
    assert list((tmp_path / "tiny" / "tensorboard").glob("events.out.tfevents.*"))
    assert not [path for path in (tmp_path / "tiny").iterdir() if path.name.startswith(".")]


def lengths_of(config):
    _, tokenizer = load_tiny(config)
    return [item["input_ids"] for item in tiny_dataset(tokenizer)]


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_the_best_epoch_is_kept(checkpoint, tmp_path):
    """A learning rate that ruins the model in the second epoch: the final model is the first epoch's."""
    config = tiny_config(
        checkpoint,
        tmp_path,
        training__max_steps=None,
        training__epochs=3.0,
        training__learning_rate=3.0,
        training__lr_scheduler_type="linear",
        training__save_total_limit=1,
        lora__use_qlora=False,
    )
    trainer = trainer_for(config)
    results = trainer.train()
    losses = [entry["eval_loss"] for entry in trainer.trainer.state.log_history if "eval_loss" in entry]
    assert len(losses) == 3
    assert results["eval_metrics"]["eval_loss"] == min(losses)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(min(losses), rel=1e-4)


def test_early_stopping(checkpoint, tmp_path):
    config = tiny_config(
        checkpoint,
        tmp_path,
        training__max_steps=None,
        training__epochs=50.0,
        training__learning_rate=3.0,
        training__early_stopping_patience=2,
    )
    assert trainer_for(config).train()["steps"] < 100


def test_without_evaluation_data(checkpoint, tmp_path):
    trainer = trainer_for(tiny_config(checkpoint, tmp_path), with_eval=False)
    results = trainer.train()
    assert results["eval_metrics"] == {}
    assert Path(results["model_path"]).is_dir()
    with pytest.raises(YoyakError, match=r"no evaluation examples; check data\.eval"):
        trainer.evaluate()


def test_no_training_examples(checkpoint, tmp_path):
    config = tiny_config(checkpoint, tmp_path)
    model, tokenizer = load_tiny(config)
    with pytest.raises(YoyakError, match=r"no training examples; check data\.train"):
        LLMTrainer(config, model, tokenizer, [])


def test_full_fine_tuning_writes_a_whole_model(checkpoint, tmp_path):
    config = tiny_config(checkpoint, tmp_path, lora__use_lora=False, lora__use_qlora=False)
    final = Path(trainer_for(config).train()["model_path"])
    assert "model.safetensors" in names(final)
    assert "adapter_config.json" not in names(final)


def test_wandb_offline(checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    config = tiny_config(checkpoint, tmp_path, training__report_to=["wandb"], training__max_steps=2)
    trainer_for(config).train()
    import wandb

    wandb.finish()
    runs = list((tmp_path / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(runs) == 1
    assert runs[0].stat().st_size > 0


def test_full_disk_is_one_line_and_leaves_nothing_half_written(checkpoint, tmp_path):
    small = tmp_path / "small"
    with mounted_disk(small, "64k"):
        trainer = trainer_for(tiny_config(checkpoint, small), with_eval=False)
        with pytest.raises(YoyakError, match=r"small/tiny: the disk is full .*set experiment\.output_dir"):
            trainer.train()
        assert not (small / "tiny" / "final_model").exists()
        assert not list((small / "tiny" / "checkpoints").glob("checkpoint-*"))
        assert not [path for path in (small / "tiny").iterdir() if path.name.startswith(".final_model")]
