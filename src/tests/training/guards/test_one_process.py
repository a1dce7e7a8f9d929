import json
import os

import pytest
import torch
from transformers import TrainingArguments

from src.errors import YoyakError
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.training.guards.one_process import (
    leave_out_launchers,
    on_one_gpu,
    raise_unless_alone,
    refuse_several_processes,
)
from src.training.llm_trainer import LLMTrainer
from src.training.state.checkpointed_trainer import CheckpointedTrainer

RANKS = {
    "torchrun": {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"},
    "mpirun of Open MPI": {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"},
    "MPICH": {"PMI_SIZE": "2", "PMI_RANK": "0"},
    "MVAPICH": {"MV2_COMM_WORLD_SIZE": "2", "MV2_COMM_WORLD_RANK": "0"},
    "srun": {"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0", "SLURM_NTASKS": "2"},
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("base"))


def trainer_for(base, folder):
    config = tiny_config(base, folder, training__engine="trainer", training__max_steps=2, model__dtype="fp32")
    model, tokenizer = load_tiny(config)
    return LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer))


@pytest.fixture(scope="module")
def usual_loss(base, tmp_path_factory):
    return trainer_for(base, tmp_path_factory.mktemp("usual")).train()["train_loss"]


@pytest.mark.parametrize("launcher", RANKS)
def test_one_of_several_processes_is_refused(launcher):
    with pytest.raises(YoyakError, match=rf"^this is process 0 of 2 \(.*{launcher}") as refused:
        refuse_several_processes(RANKS[launcher])
    size, rank, *_ = RANKS[launcher]
    assert str(refused.value).endswith(f"where {size} and {rank} are only left over, `unset {size} {rank}`")


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"},
        {"WORLD_SIZE": "4"},  # no launcher gives a size without a rank
        {"RANK": "1", "LOCAL_RANK": "1"},
        {"WORLD_SIZE": "x", "RANK": "0"},
        {"OMPI_COMM_WORLD_SIZE": "2"},
        {"SLURM_NTASKS": "4", "SLURM_PROCID": "0"},  # a batch script's own process
        {"ACCELERATE_USE_DEEPSPEED": "true"},
    ],
)
def test_what_is_surely_one_process_is_not_refused(environment):
    refuse_several_processes(environment)


def test_what_rules_a_trainer_is_left_out_and_what_is_the_users_own_stays():
    mine = {
        "ACCELERATE_LOG_LEVEL": "debug", "CUDA_VISIBLE_DEVICES": "1", "HF_HOME": "/h", "HF_TOKEN": "t",
        "OMP_NUM_THREADS": "2", "PATH": "/bin", "SLURM_JOB_ID": "7", "TRANSFORMERS_VERBOSITY": "info",
        "WANDB_PROJECT": "p",
    }  # fmt: skip
    theirs = {
        "ACCELERATE_DYNAMO_BACKEND": "EAGER", "ACCELERATE_MIXED_PRECISION": "bf16", "ACCELERATE_TORCH_DEVICE": "meta",
        "ACCELERATE_USE_CPU": "true", "FORK_LAUNCHED": "1", "FSDP_VERSION": "2", "LOCAL_RANK": "0",
        "MASTER_ADDR": "h", "MEGATRON_LM_TP_DEGREE": "2", "OMPI_COMM_WORLD_SIZE": "2",
        "PARALLELISM_CONFIG_TP_SIZE": "2", "PMI_SIZE": "1", "RANK": "0", "TORCHELASTIC_RUN_ID": "none",
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1",
        "WORLD_SIZE": "1", "XLA_USE_BF16": "1",
    }  # fmt: skip
    environment = mine | theirs
    assert leave_out_launchers(environment) == list(theirs)
    assert environment == mine


@pytest.mark.parametrize(
    "left",
    [
        {"LOCAL_RANK": "0"},
        {"WORLD_SIZE": "4"},
        {"OMPI_COMM_WORLD_SIZE": "2"},
        {"ACCELERATE_USE_DEEPSPEED": "true"},
        {"ACCELERATE_USE_MEGATRON_LM": "true"},
        {"ACCELERATE_MIXED_PRECISION": "bf16"},
        {"ACCELERATE_TORCH_DEVICE": "meta"},
        {"ACCELERATE_DYNAMO_BACKEND": "EAGER"},
        {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4"},
        {"ACCELERATE_USE_PARALLELISM_CONFIG": "true", "PARALLELISM_CONFIG_TP_SIZE": "2"},
    ],
    ids=lambda left: next(iter(left)),
)
def test_a_trainer_made_by_hand_trains_as_without_them(base, usual_loss, tmp_path, monkeypatch, caplog, left):
    caplog.set_level("WARNING", logger="yoyak")
    for name, value in left.items():
        monkeypatch.setenv(name, value)
    assert trainer_for(base, tmp_path).train()["train_loss"] == usual_loss
    assert [record.message for record in caplog.records if record.name == "yoyak"] == [
        f"Left out of the environment, since a run is one process as configured: {', '.join(sorted(left))}"
    ]
    assert not left.keys() & os.environ.keys()


def test_a_trainer_made_by_hand_refuses_several_processes(base, tmp_path, monkeypatch):
    for name, value in RANKS["torchrun"].items():
        monkeypatch.setenv(name, value)
    with pytest.raises(YoyakError, match="this is process 0 of 2"):
        trainer_for(base, tmp_path)
    assert not list(tmp_path.iterdir())


def bare_trainer(folder, **arguments):
    arguments = TrainingArguments(output_dir=str(folder), use_cpu=True, report_to=[], **arguments)
    return CheckpointedTrainer(model=torch.nn.Linear(1, 1), args=arguments)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"ACCELERATE_MIXED_PRECISION": "bf16"}, "mixed precision = bf16 where no was asked"),
        ({"ACCELERATE_DYNAMO_BACKEND": "EAGER"}, "compilation = EAGER where NO was asked"),
        (
            {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"},
            "distribution = MULTI_CPU where NO was asked",
        ),
    ],
    ids=["precision", "compilation", "distribution"],
)
def test_a_trainer_that_the_environment_has_changed_all_the_same_is_refused(tmp_path, monkeypatch, environment, said):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    try:
        with pytest.raises(YoyakError, match=f"^training was set up with {said}; start yoyak anew$"):
            bare_trainer(tmp_path)
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        os.environ.pop("LOCAL_WORLD_SIZE", None)  # accelerate sets it


def test_one_gpu_computes_where_several_are_visible(tmp_path):
    arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True, per_device_train_batch_size=3)
    arguments._n_gpu = 2  # as the Trainer's arguments say on a machine with two
    assert arguments.train_batch_size == 6
    assert on_one_gpu(arguments).train_batch_size == 3
    trainer = bare_trainer(tmp_path)
    trainer.args._n_gpu = 2
    with pytest.raises(YoyakError, match="GPUs in one process = 2 where 1 was asked"):
        raise_unless_alone(trainer)


@pytest.mark.gpu
def test_a_batch_is_the_configured_one_on_two_gpus(base, tmp_path):
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    for engine in ("packed", "trainer"):
        config = tiny_config(base, tmp_path / engine, training__engine=engine, training__max_steps=1)
        model, tokenizer = load_tiny(config)
        trainer = LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer))
        assert trainer.trainer._train_batch_size == trainer.trainer.args.per_device_train_batch_size
        trainer.train()
        record = json.loads((tmp_path / engine / "tiny" / "metrics.jsonl").read_text().splitlines()[0])
        assert record["step"] == 1
        assert {str(p.device) for p in trainer.trainer.model.parameters()} == {"cuda:0"}
