"""Formulas of memory on sizes worked out by hand, and against the tensors of real training steps."""

import weakref
from dataclasses import replace

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from src.architectures import DELTA_LINEARS, LINEARS
from src.data.batches.packing import StepPacker
from src.decoder.packed_decoder import PackedDecoder
from src.kernels.heads import Sequences
from src.planner.allocator import block
from src.planner.job import TrainingJob
from src.planner.memory import (
    Activations,
    MicroBatchSize,
    kept_tensors,
    optimizer_bytes,
    packed_parts,
    steady_parts,
    total_memory,
)
from src.planner.model_shape import ModelShape
from src.planner.shapes import shape_of_config
from src.planner.trainer_memory import saved_by_autograd, trainer_parts, trainer_peak
from src.tests.packed_models import WRITTEN_OUT, adapted_model, examples

SHAPE = ModelShape("llama", 64, 48, 112, 3, 4, 2, 16, True)
JOB = TrainingJob(SHAPE, "lora", "packed", "bf16", 4, LINEARS, 0.0, "adamw_torch", 8, 1, True, 512)
MIB = 1 << 20


def test_blocks_are_those_of_the_allocator():
    assert block(0) == 512
    assert block(513) == 1024
    assert block(9 * MIB + 1) == 9 * MIB + 512
    assert block(11 * MIB) == 12 * MIB  # a segment of 12 MiB, whose last MiB is not split off
    assert block(12.5 * MIB) == 14 * MIB - int(1.5 * MIB)  # the rest of a segment of 14 is


def test_kept_tensors_in_numbers():
    # 10 tokens of bfloat16: q, k and v side by side 128, gate and up 224, ranks 4 a matrix
    sizes = kept_tensors(JOB, 10, keeps_inputs=False)
    assert sizes["heads"] == block(10 * 128 * 2) == 2560
    assert sizes["gate_up"] == block(10 * 224 * 2) == 4608
    assert sizes["attended"] == block(10 * (64 + 4) * 2) == 1536
    assert sizes["reduced_qkv"] == block(10 * 12 * 2) == 512
    assert "attention_input" not in sizes
    kept = kept_tensors(JOB, 10, keeps_inputs=True)
    assert kept["activation"] == block(10 * (112 + 4) * 2) == 2560
    assert "reduced_qkv" not in kept


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize(
    ("family", "index"),
    [
        *(("llama", 0), ("qwen3", 0), ("gemma3_text", 0), ("exaone4", 0), ("qwen3_5_text", 0), ("qwen3_5_text", 1)),
        *(("gemma4_text", 0), ("gemma4_text", 1)),
    ],
)
@pytest.mark.parametrize("keeps_inputs", [False, True])
def test_each_named_tensor_is_one_that_a_layer_of_the_packed_engine_saves(family, index, keeps_inputs, method):
    hybrid, delta = family == "qwen3_5_text", (family, index) == ("qwen3_5_text", 0)
    normed_values = family == "gemma4_text"
    own = HYBRID if hybrid else WRITTEN_OUT[family] if normed_values else {}
    config = AutoConfig.for_model(family, **_sizes(2) | own)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    targets = [*LINEARS, *(DELTA_LINEARS if hybrid else ())]
    if method == "lora":
        model = get_peft_model(model, LoraConfig(r=4, target_modules=targets, task_type="CAUSAL_LM"))
    decoder = PackedDecoder(model)
    batch = StepPacker(64)(examples([(40, 5), (24, 3)]))["micro_batches"][0]
    hidden = decoder.embed(batch.input_ids)
    rotaries = decoder.rotaries(hidden, batch.positions)
    sequences = Sequences(batch.starts.tolist(), batch.positions, batch.ends)
    with torch.no_grad():
        _, saved = decoder.layers[index].forward(hidden, None, rotaries, sequences, (None,) * 4, keeps_inputs)
    real = {
        "inverse_rms": saved.inverse_rms,
        "attended": saved.attended,
        "middle": saved.middle,
        "middle_inverse_rms": saved.middle_inverse_rms,
        "gate_up": saved.gate_up,
    }
    if keeps_inputs:
        real |= {"attention_input": saved.attention_input, "mlp_input": saved.mlp_input, "activation": saved.activation}
    else:
        names = ("reduced_qkv", None, "reduced_gate_up", "reduced_down")
        real |= {name: tensor for name, tensor in zip(names, saved.reduced, strict=True) if name and tensor.numel()}
    named = ("attention_output", "attention_output_inverse_rms", "mlp_output", "mlp_output_inverse_rms")
    real |= {name: tensor for name in named if (tensor := getattr(saved, name)) is not None}
    real = {name: tensor for name, tensor in real.items() if tensor.numel()}
    state = saved.attention
    attention = {"heads", "log_sums"} | ({"raw", "head_inverse_rms"} if family != "llama" else set())
    if delta:
        real, attention = real | {"mixed": state.mixed}, set()
    elif hybrid:
        real |= {"gate": state.gate, "output": state.output}
    elif normed_values:
        real |= {"values": state.values, "value_inverse_rms": state.inverse_rms}
    shape = shape_of_config(config.to_dict(), "here") if own else replace(SHAPE, kind=family)
    job = replace(JOB, shape=shape, dtype="fp32", method=method, targets=tuple(targets))
    planned = kept_tensors(job, 64, keeps_inputs, second=delta or (normed_values and index == 1))
    assert set(planned) == set(real) | attention  # the CPU's attention keeps its own: q, k, v and weights
    for name, tensor in real.items():
        assert planned[name] == block(tensor.untyped_storage().nbytes()), name
    if delta:
        return
    state = state.attention if own else state
    heads = sum(part.numel() for part in (state.queries, state.keys, state.values))
    assert planned["heads"] == block(heads * 4)


HYBRID = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 12,
}


def _sizes(layers: int) -> dict[str, object]:
    return {
        "vocab_size": 96,
        "hidden_size": 48,
        "intermediate_size": 112,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "tie_word_embeddings": True,
    }


def _saved_bytes(family: str, layers: int, method: str, tokens: int) -> int:
    """Bytes that autograd saves in a forward pass, parameters and their casts left out."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **_sizes(layers))
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    decoder = model.model
    if method == "lora":
        adapted = get_peft_model(model, LoraConfig(r=4, target_modules=list(LINEARS), task_type="CAUSAL_LM"))
        decoder = adapted.get_base_model().model
    storages: dict[int, int] = {}
    alive = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if tokens in tensor.shape:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            alive.append(tensor)
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with hooks, torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = decoder(input_ids=torch.randint(64, (1, tokens)), use_cache=False)[0]
    assert weakref.ref(hidden)() is hidden
    return sum(storages.values())


@pytest.mark.parametrize("family", ["llama", "qwen3"])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_layer_saves_what_the_plan_lists_under_autograd(family, method):
    tokens = 250
    measured = _saved_bytes(family, 3, method, tokens) - _saved_bytes(family, 2, method, tokens)
    job = replace(JOB, shape=replace(SHAPE, kind=family), method=method, engine="trainer")
    assert sum(saved_by_autograd(job, tokens).values()) == measured


def test_weights_in_numbers():
    lora = steady_parts(JOB)
    values = [48 * 64, 48 * 32, 48 * 32, 64 * 48, 48 * 112, 48 * 112, 112 * 48]
    norms = (3 * 2 * 48 + 48) * 2
    assert lora["weights"] == block(64 * 48 * 2) + norms + 3 * sum(block(2 * v) for v in values)
    four_bit = steady_parts(replace(JOB, method="qlora"))
    assert four_bit["weights"] == block(64 * 48 * 2) + norms + 3 * sum(block(v / 2) for v in values)
    assert four_bit["quantization"] > 0
    assert lora["quantization"] == 0
    full = steady_parts(replace(JOB, method="full", engine="trainer"))
    assert full["adapter"] == full["dequantized"] == 0
    assert full["gradients"] == sum(block(2 * n) for n in replace(JOB, method="full").trained_tensors)


@pytest.mark.parametrize(
    ("family", "tied", "biases"),
    [
        ("llama", True, False),
        ("qwen2", False, True),
        ("qwen3", True, False),
        ("gemma3_text", True, False),
        ("exaone4", False, False),
    ],
)
def test_what_trains_and_its_gradients_are_those_of_a_whole_model(family, tied, biases):
    model = adapted_model(family, torch.float32, None, **_sizes(2) | {"tie_word_embeddings": tied})
    shape = replace(SHAPE, kind=family, vocabulary=96, layers=2, tied=tied, biases=biases)
    job = replace(JOB, shape=shape, dtype="fp32", method="full")
    assert sorted(job.trained_tensors) == sorted(parameter.numel() for parameter in model.parameters())
    flat = PackedDecoder(model).gradients.flat
    assert steady_parts(job)["gradients"] == block(flat.untyped_storage().nbytes())
    assert flat.numel() == shape.parameters


def test_what_trains_where_heads_are_of_two_sizes():
    model = adapted_model("gemma4_text", torch.float32, None, **WRITTEN_OUT["gemma4_text"])
    shape = shape_of_config(model.config.to_dict(), "here")
    job = replace(JOB, shape=shape, dtype="fp32", method="full")
    assert sorted(job.trained_tensors) == sorted(parameter.numel() for parameter in model.parameters())
    assert PackedDecoder(model).gradients.flat.numel() == shape.parameters
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=list(LINEARS), task_type="CAUSAL_LM"))
    trained = [parameter.numel() for parameter in adapted.parameters() if parameter.requires_grad]
    assert sorted(replace(job, method="lora").trained_tensors) == sorted(trained)


def test_paged_states_of_large_tensors_stay_out_of_the_allocator():
    large = replace(JOB, shape=replace(SHAPE, width=8192), rank=16)
    assert 16 * 8192 > 100_000
    inside, outside = optimizer_bytes(replace(large, optimizer="paged_adamw_32bit"))
    everything, nothing = optimizer_bytes(replace(large, optimizer="adamw_torch"))
    assert outside > 0
    assert nothing == 0
    assert inside + outside == pytest.approx(everything, rel=0.01)
    assert sum(optimizer_bytes(replace(large, optimizer="paged_adamw_8bit"))) < 0.4 * everything


def test_more_kept_layers_take_more_and_the_first_stands_for_the_one_at_work():
    size = MicroBatchSize(512, 60, 4, 200)
    none, one, two = (sum(packed_parts(JOB, size, Activations(kept)).values()) for kept in (0, 1, 2))
    assert none == one < two
    assert two - one == sum(kept_tensors(JOB, 512, False).values())


def test_graphs_reserve_more_than_the_activations():
    size = MicroBatchSize(512, 60, 4, 200)
    parts = packed_parts(JOB, size, Activations(3))
    small = total_memory(JOB, parts, 512)
    large = total_memory(JOB, parts, 16640)
    assert small.peak_bytes == large.peak_bytes == sum(steady_parts(JOB).values()) + sum(parts.values())
    assert small.parts["slack"] == int(0.03 * sum(parts.values()) + 0.35e9)
    assert large.parts["slack"] == int(0.03 * sum(parts.values()))
    assert small.device_bytes == sum(small.parts.values())


def test_what_a_real_model_told_replaces_the_weights():
    parts = packed_parts(JOB, MicroBatchSize(512, 60, 4, 200), Activations(0))
    told = total_memory(JOB, parts, 512, steady_bytes=10**9)
    assert told.peak_bytes == 10**9 + sum(parts.values())


def test_a_large_evaluation_batch_decides_the_peak():
    parts = packed_parts(JOB, MicroBatchSize(512, 60, 4, 200), Activations(0))
    usual = total_memory(JOB, parts, 512)
    larger = total_memory(JOB, parts, 512, evaluation=sum(parts.values()) + 1000)
    assert larger.peak_bytes == usual.peak_bytes + 1000
    assert larger.parts["evaluation"] == sum(parts.values()) + 1000


def test_computing_again_takes_less_under_autograd():
    job = replace(JOB, engine="trainer")
    size = MicroBatchSize(4096, 500, 8, 512)
    again, kept = (sum(trainer_parts(job, size, checkpointing).values()) for checkpointing in (True, False))
    assert again < kept


def test_the_peak_of_a_step_under_autograd_is_one_of_three_moments():
    job = replace(JOB, engine="trainer")
    size, small = MicroBatchSize(4096, 500, 8, 512), MicroBatchSize(512, 60, 8, 64)
    first = trainer_peak(job, size, small, True)
    assert first["gradients"] == 0  # the first micro-batch of a step finds none
    assert first == trainer_parts(job, size, True) | {"gradients": 0}
    assert "gradients" not in trainer_peak(job, size, size, True)
    whole = replace(job, shape=replace(SHAPE, vocabulary=100_000), method="full")
    end = trainer_peak(whole, MicroBatchSize(8, 1, 1, 8), None, True)
    assert end == {"temporary": 2 * 33_600_000 + 3 * block(100_000 * 48 * 2)}
