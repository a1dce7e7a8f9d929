"""What a config asks for, as the planner sees it."""

from dataclasses import replace

import pytest

from src.architectures import LINEARS
from src.config import load_config
from src.errors import YoyakError
from src.planner.devices import Device, find_device
from src.planner.job import TrainingJob, job_of, method_of
from src.planner.model_shape import ModelShape
from src.planner.shapes import find_shape

SHAPE = ModelShape("llama", 64, 48, 112, 3, 4, 2, 16, True)
PROCESSOR = Device("processor", 8 << 30, 20e9, 60e9, bf16=False, source="this test", cpu=True)


def job(*overrides: str, device: Device | None = None) -> TrainingJob:
    config = load_config("llama_3.2_3b", overrides)
    return job_of(config, find_shape(config.model.checkpoint)[0], device or find_device("H100"))


def test_the_shipped_config():
    found = job()
    assert (found.method, found.engine, found.dtype, found.rank, found.dropout) == ("qlora", "packed", "bf16", 16, 0.05)
    assert (found.batch_size, found.accumulation, found.examples, found.eval_batch_size) == (8, 8, 64, 8)
    assert (found.optimizer, found.checkpointing, found.micro_batch_tokens) == ("paged_adamw_32bit", True, None)
    assert found.targets == LINEARS
    assert (found.float8, found.cpu, found.side_by_side) == (False, False, 1)


def test_settings_that_are_left_open_or_said():
    assert job("training.gradient_checkpointing=auto").checkpointing is None
    assert job("training.gradient_checkpointing=false").checkpointing is False
    assert job("training.micro_batch_tokens=4096").micro_batch_tokens == 4096
    assert job("training.eval_batch_size=2").eval_batch_size == 2
    assert job("training.engine=trainer").engine == "trainer"
    assert job("training.base_precision=fp8").float8


def test_methods():
    config = load_config("llama_3.2_3b")
    assert method_of(config) == "qlora"
    config.lora.use_qlora = False
    assert method_of(config) == "lora"
    config.lora.use_lora = False
    assert method_of(config) == "full"
    whole = job("lora.use_lora=false", "lora.use_qlora=false")
    assert (whole.method, whole.dropout, whole.adapters) == ("full", 0.0, [])


def test_a_processor_computes_in_float32_with_plain_adam():
    found = job(device=PROCESSOR)
    assert (found.dtype, found.optimizer, found.micro_batch_tokens, found.cpu) == ("fp32", "adamw_torch", 1024, True)
    assert found.side_by_side == 2
    assert job(device=replace(PROCESSOR, bf16=True)).dtype == "bf16"
    assert job("model.dtype=fp32", device=replace(PROCESSOR, bf16=True)).dtype == "fp32"


@pytest.mark.parametrize(
    ("overrides", "gpu", "engine", "dtype"),
    [
        ((), "T4", "trainer", "fp16"),  # no bf16, and fp16 needs a gradient scaler
        (("model.dtype=fp32",), "T4", "packed", "fp32"),
        (("training.neftune_noise_alpha=5",), "H100", "trainer", "bf16"),
        (("lora.use_dora=true", "lora.use_qlora=false"), "H100", "trainer", "bf16"),
    ],
)
def test_what_the_packed_engine_cannot_train_goes_to_the_trainer(overrides, gpu, engine, dtype):
    found = job(*overrides, device=find_device(gpu))
    assert (found.engine, found.dtype) == (engine, dtype)


@pytest.mark.parametrize(
    ("overrides", "device", "message"),
    [
        (("lora.target_modules=[q_proj, qkv]",), "H100", "lora.target_modules: qkv can't be planned"),
        (("training.engine=packed", "lora.use_dora=true"), "H100", "training.engine = packed can't train this: DoRA"),
        (("training.base_precision=fp8",), "A100 80GB", "A100 80GB has no float8 units"),
        (("training.base_precision=fp8",), "processor", "processor has no float8 units"),
        (("training.base_precision=fp8", "training.engine=trainer"), "H100", "training.engine is trainer"),
        (
            ("training.base_precision=fp8", "lora.use_lora=false", "lora.use_qlora=false"),
            "H100",
            "all weights train, none are frozen",
        ),
    ],
)
def test_what_cannot_be_planned_is_refused(overrides, device, message):
    with pytest.raises(YoyakError, match=message):
        job(*overrides, device=PROCESSOR if device == "processor" else find_device(device))


def test_trained_tensors_ranks_and_bytes():
    lora = TrainingJob(
        SHAPE, "lora", "packed", "bf16", 4, ("q_proj", "down_proj"), 0.0, "adamw_torch", 8, 2, True, None
    )
    # A and B of rank 4: q from 48 to 4 x 16, down from 112 to 48
    assert lora.trained_tensors == (192, 256, 448, 192) * 3
    assert lora.trained == 3264
    assert (lora.ranks("q_proj", "k_proj"), lora.ranks("down_proj", "q_proj")) == (4, 8)
    assert (lora.element, lora.trained_element) == (2, 4)  # adapters are float32
    whole = replace(lora, method="full")
    assert whole.trained_tensors[:7] == (48 * 64, 48 * 32, 48 * 32, 64 * 48, 48 * 112, 48 * 112, 112 * 48)
    assert whole.trained_tensors[7:9] == (48, 48)
    assert whole.trained_tensors[27:] == (64 * 48, 48)  # one table, and the last norm
    assert (whole.ranks("q_proj"), whole.trained_element) == (0, 2)
    assert replace(whole, dtype="fp32").trained_element == replace(whole, dtype="fp16").trained_element == 4
    untied = replace(whole, shape=replace(SHAPE, tied=False, biases=True, kind="qwen3"))
    assert untied.trained_tensors[7:14] == (48, 48, 16, 16, 64, 32, 32)
    assert untied.trained_tensors[42:] == (3072, 3072, 48)


def test_a_hybrid_has_adapters_where_it_has_the_matrices():
    shape = find_shape("Qwen/Qwen3.5-4B")[0]
    seven = ["lora.target_modules=[q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj]"]
    hybrid = job_of(load_config("qwen3.5_4b", seven), shape, find_device("H100"))
    assert hybrid.engine == "packed"
    # queries, keys, values and output of 8 layers, the MLP's three of 32; 16 values for each input and output
    attention = (2560 + 8192) + 2 * (2560 + 1024) + (4096 + 2560)
    assert hybrid.trained == 16 * (8 * attention + 32 * 3 * (2560 + 9216))
    delta = ["lora.target_modules=[in_proj_qkv,in_proj_z,in_proj_a,in_proj_b,out_proj]"]
    other = job_of(load_config("qwen3.5_4b", delta), shape, find_device("H100"))
    inputs = 4 * 2560 + 8192 + 4096 + 2 * 32  # of the four matrices that share their input, and their outputs
    assert other.trained == 16 * 24 * (inputs + (4096 + 2560))
    with pytest.raises(YoyakError, match=r"in_proj_qkv can.t be planned; the layers have q_proj, .*, down_proj$"):
        job_of(load_config("qwen3_4b", delta), find_shape("Qwen/Qwen3-4B-Instruct-2507")[0], find_device("H100"))
