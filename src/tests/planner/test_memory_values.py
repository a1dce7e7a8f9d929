"""Memory of a training by part, each figure worked out by hand from the formula."""

from dataclasses import replace

import pytest

from src.architectures import LINEARS
from src.planner.captured import captured, captured_bytes
from src.planner.job import Shards, TrainingJob
from src.planner.memory import (
    Activations,
    MicroBatchSize,
    evaluation_bytes,
    kept_tensors,
    optimizer_bytes,
    packed_parts,
    steady_parts,
    total_memory,
)
from src.planner.model_shape import ModelShape
from src.planner.trainer_memory import saved_by_autograd, trainer_parts, trainer_peak

SMALL = ModelShape("llama", 64, 48, 112, 3, 4, 2, 16, True)
SQUARE = ModelShape("llama", 64, 4096, 4096, 2, 32, 32, 128, False)
"""Every matrix is 4096 x 4096: 16,777,216 values, seven a layer."""
JOB = TrainingJob(SMALL, "lora", "packed", "bf16", 4, LINEARS, 0.0, "adamw_torch", 8, 1, True, 512)
WIDE = replace(JOB, shape=SQUARE, rank=16)
SIZE = MicroBatchSize(512, 60, 4, 200)
MIB = 1 << 20


def test_an_untied_model_has_a_table_for_its_head():
    # 64 words of 4096 in bf16 are 524,288 bytes; five norms of 4096; 14 matrices of 32 MiB
    assert steady_parts(WIDE)["weights"] == 2 * 524_288 + 5 * 4096 * 2 + 14 * 32 * MIB
    tied = steady_parts(replace(WIDE, shape=replace(SQUARE, tied=True)))
    assert tied["weights"] == 524_288 + 5 * 4096 * 2 + 14 * 32 * MIB


def test_four_bit_weights_and_their_scales():
    parts = steady_parts(replace(WIDE, method="qlora"))
    assert parts["weights"] == 2 * 524_288 + 40_960 + 14 * 8 * MIB
    # a scale for 64 values 262,144; 4 bytes for 256 of those 4,096; tables of 64 and 1024 bytes; an offset
    assert parts["quantization"] == 14 * (262_144 + 4096 + 512 + 1024 + 512)


def test_adapters_copies_and_dequantized_weights():
    # 28 matrices of 16 x 4096 in float32, 262,144 bytes. Copies in bf16, A and B: ranks 48 on q, k, v side by side,
    # 16 on o, 32 on gate and up, 16 on down
    copies = 2 * (393_216 + 1_179_648 + 2 * 131_072 + 262_144 + 524_288 + 2 * 131_072)
    lora = steady_parts(WIDE)
    assert (lora["adapter"], lora["dequantized"]) == (28 * 262_144 + copies, 0)
    assert lora["gradients"] == 28 * 262_144  # one buffer, float32
    # 12288 x (4096 + 48) in bf16, with the rest of the allocator's segment; gate and up without it; o and down, which
    # are of one shape here, share one
    dequantized = 102_760_448 + 33_685_504 + 67_633_152
    assert steady_parts(replace(WIDE, method="qlora"))["dequantized"] == dequantized
    trainer = steady_parts(replace(WIDE, method="qlora", engine="trainer"))
    assert (trainer["adapter"], trainer["dequantized"]) == (28 * 262_144, 32 * MIB)  # one matrix at a time


def test_float8_holds_two_copies_and_their_scales():
    parts = steady_parts(replace(WIDE, float8=True))
    # q, k, v: 12288 x 4144 a byte each, twice; a scale a row and a column in float32, the latter 16,896 as a block
    group = (2 * 50_921_472 + 49_152, 2 * 16_842_752 + 16_384, 2 * 33_816_576 + 32_768, 2 * 16_842_752 + 16_384)
    assert parts["float8"] == 2 * (sum(group) + 4 * 16_896)


def test_states_of_each_optimizer():
    one = 16 * 4096  # values of a matrix of an adapter, of which there are 28
    assert optimizer_bytes(WIDE) == (28 * 2 * 4 * one, 0)
    assert optimizer_bytes(replace(WIDE, optimizer="adamw_torch_fused")) == (28 * (2 * 4 * one + 512), 0)
    assert optimizer_bytes(replace(WIDE, optimizer="adamw_bnb_8bit")) == (28 * 2 * (one + one // 64), 0)
    assert optimizer_bytes(replace(WIDE, optimizer="adafactor")) == (28 * 8 * 256, 0)
    assert optimizer_bytes(replace(WIDE, optimizer="paged_adamw_32bit")) == (28 * 2 * 4 * one, 0)  # too small to page
    twice = replace(WIDE, rank=32)
    assert optimizer_bytes(replace(twice, optimizer="paged_adamw_32bit")) == (0, 28 * 2 * 4 * 2 * one)
    # below 4,096 values 8-bit optimizers keep 32 bits: 2 x 4 x 192 bytes are two blocks of 1,024
    few = replace(JOB, targets=("o_proj",), optimizer="adamw_bnb_8bit")
    assert optimizer_bytes(few) == (3 * 2 * 2048, 0)
    # whole weights in bf16 have states in bf16
    whole = replace(WIDE, method="full")
    assert optimizer_bytes(whole)[0] == 14 * 64 * MIB + 2 * 2 * 524_288 + 5 * 2 * 8192


def test_a_micro_batch_of_the_packed_engine():
    layer = 2048 + 131_072 + 8192 + 69_632 + 49_152 + 2048 + 229_376 + 12_288 + 8192 + 4096
    assert sum(kept_tensors(JOB, 512, False).values()) == layer == 516_096
    # Down's backward: 512 x 48 and 512 x (112 + 4) in bf16, and the activation of 512 x 112
    work = 49_152 + 118_784 + 114_688
    # cuBLAS's workspace and those of a graph's two streams, rotary 512 x 16, five numbers of 8 bytes a token, the
    # head's gradient, 32 bytes a token of the graph, and of the four products outputs and twice inputs with ranks
    beside = 512 * 2 * (128 + 2 * 60 + 48 + 2 * 68 + 224 + 2 * 56 + 48 + 2 * 116)
    temporary = 3 * 33_600_000 + 16_384 + 20_480 + 49_152 + 16_384 + beside
    two = packed_parts(JOB, SIZE, Activations(2))
    assert two == {
        "activations_inputs": 3 * 49_152,
        "activations_kept": 2 * layer,
        "activations_work": work,
        "logits": 0,
        "temporary": temporary,
    }
    none = packed_parts(JOB, SIZE, Activations(0))
    assert none == two | {"activations_kept": 0, "activations_work": layer + work}
    dropped = packed_parts(replace(JOB, dropout=0.1), SIZE, Activations(2))
    assert dropped == two | {"activations_work": work + 114_688}
    kept = packed_parts(JOB, SIZE, Activations(2, keeps_inputs=True))  # the activation is there, and no ranks apart
    assert kept["activations_kept"] == 2 * (layer - 24_576 + 61_440 + 57_344 + 118_784)
    assert kept["activations_work"] == work - 114_688
    float8 = packed_parts(replace(JOB, float8=True), SIZE, Activations(2))
    assert float8["activations_work"] == work + 512 * 48


def test_a_micro_batch_of_layers_that_are_cut():
    """With a stage for two inputs, first and second products' outputs (48, 128 and 48 columns) beside the kept ones."""
    cut = replace(JOB, shape=replace(SMALL, layers=9), shards=Shards(4, 1e9, 0.001))
    inputs = [packed_parts(cut, SIZE, Activations(layers))["activations_inputs"] for layers in (0, 3, 8, 9)]
    staged = 2 * 49_152 + 131_072
    assert inputs == [2 * staged, 3 * 49_152 + 2 * staged, 8 * 49_152 + staged, 9 * 49_152]
    again = [packed_parts(cut, SIZE, Activations(n, waits=False))["activations_inputs"] for n in (0, 3, 8, 9)]
    assert again == [2 * 49_152, 5 * 49_152, 9 * 49_152, 9 * 49_152]
    layer, work = 516_096, 282_624  # as above
    # Of the last layer 60 of 512 rows, its heads and sums, and attention's work (376,832 before `gate_up` goes).
    last = 60_480 + 131_072 + 8192 + 376_832 - 26_880
    parts = [packed_parts(cut, SIZE, Activations(layers)) for layers in (0, 1, 2, 3)]
    kept = [(part["activations_kept"], part["activations_work"]) for part in parts]
    assert kept == [(0, layer + work), (0, layer + work), (layer, last), (2 * layer, last)]
    # where all tokens have a target it counts as a whole, its heads and sums even twice
    targets = packed_parts(cut, replace(SIZE, targets=512), Activations(3))
    assert targets["activations_kept"] == 2 * layer
    assert targets["activations_work"] == layer + 131_072 + 8192 + work


def test_a_large_vocabulary_decides_the_peak_in_chunks_of_1024_targets():
    wordy = replace(JOB, shape=replace(SMALL, vocabulary=1_000_000))
    parts = packed_parts(wordy, SIZE, Activations(2))
    assert (parts["logits"], parts["activations_work"]) == (60 * 1_000_000 * 2, 49_152 + 3 * 6144)
    many = packed_parts(wordy, replace(SIZE, targets=5000), Activations(2))
    assert many["logits"] == 977 * 2 * MIB  # 1024 x 1,000,000 in bf16, whose last segment is not split


def test_graphs_take_micro_batches_of_up_to_16384_tokens_on_a_gpu():
    assert captured(JOB, 16_384)
    assert not captured(JOB, 16_385)
    assert not captured(replace(JOB, engine="trainer"), 512)
    processor = replace(JOB, cpu=True)
    assert not captured(processor, 512)
    assert packed_parts(processor, SIZE, Activations(2))["temporary"] == 16_384 + 20_480 + 49_152


def test_gradients_beside_a_captured_backward_take_memory_where_layers_are_small():
    numbers, columns = 2 * 33_600_000, 1048 * 2
    for tokens, beside in ((16_384, 16_384 * columns), (512, 512 * columns)):
        assert captured_bytes(JOB, tokens) == numbers + 32 * tokens + beside
    assert captured_bytes(replace(JOB, method="full"), 512) == 33_600_000 + 32 * 512
    wide = 7 * 4096 + 2 * (4 * 4096 + 7 * 16)  # products of 3, 1, 2 and 1 matrices: seven outputs, four inputs
    most = 128_000_000 // (2 * wide)
    assert captured_bytes(WIDE, most) == numbers + 32 * most + 2 * most * wide
    assert captured_bytes(WIDE, most + 1) == 33_600_000 + 32 * (most + 1)


def test_an_evaluation_batch():
    size = MicroBatchSize(4096, 500, 8, 512)
    # a layer: 4096 x (4 x 48 + 3 x 112) in bf16, more than the logits of 500 x 64
    assert evaluation_bytes(JOB, size) == 4_325_376 + 33_600_000
    wordy = replace(JOB, shape=replace(SMALL, vocabulary=10_000))
    # logits in bf16 and twice in float32, and two tensors of 4096 x 48
    assert evaluation_bytes(wordy, size) == 500 * 10_000 * (2 + 4 + 4) + 786_432 + 33_600_000
    many = evaluation_bytes(wordy, replace(size, targets=4000))
    assert many == 1024 * 10_000 * (2 + 4 + 4) + 786_432 + 33_600_000


def test_the_whole():
    parts = packed_parts(JOB, SIZE, Activations(2))
    adds, steady = sum(parts.values()), sum(steady_parts(JOB).values())
    memory = total_memory(JOB, parts, 512)
    assert memory.peak_bytes == steady + adds
    assert memory.device_bytes == steady + adds + 550_000_000 + int(0.03 * adds + 350_000_000)
    larger = total_memory(JOB, parts, 512, evaluation=adds + 1000)
    assert larger.peak_bytes == steady + adds + 1000
    assert larger.parts["activations_kept"] == 0  # it is there before or after, not beside
    told = total_memory(JOB, parts, 512, steady_bytes=10**9)
    assert told.peak_bytes == 10**9 + adds
    assert total_memory(replace(JOB, cpu=True), parts, 512).parts["context"] == 0
    paged = replace(WIDE, rank=32, optimizer="paged_adamw_32bit")
    outside = total_memory(paged, {}, 20_000)
    assert outside.device_bytes - outside.peak_bytes == 28 * 2 * 4 * 32 * 4096 + 550_000_000


BATCH = MicroBatchSize(4096, 500, 8, 512)
TRAINER = replace(JOB, engine="trainer")


def test_a_padded_micro_batch_of_the_trainer_engine():
    # a token: norms' inputs 384, inverse RMS 8, q 128, k and v 128, attended 128, log-sums 16, gate, up and SiLU 224
    # each, ranks 56, and a copy of each adapter's input, 416 columns in bf16
    one = 384 + 8 + 128 + 128 + 128 + 16 + 3 * 224 + 56 + 832
    assert sum(saved_by_autograd(TRAINER, 1).values()) == one == 2352
    again = trainer_parts(TRAINER, BATCH, checkpointing=True)
    assert again == {
        "activations_inputs": 3 * 393_216,
        "activations_kept": 4096 * one,
        "activations_work": 4096 * (5 * 48 + 3 * 112 + 2 * 16) * 2,
        "logits": 0,
        "temporary": 2 * 33_600_000 + 3 * 4 * 864 * 2,  # and copies of the adapters in bf16
    }
    kept = trainer_parts(TRAINER, BATCH, checkpointing=False)
    assert kept == again | {"activations_inputs": 0, "activations_kept": 3 * 4096 * one}
    wordy = replace(TRAINER, shape=replace(SMALL, vocabulary=100_000))
    parts = trainer_parts(wordy, BATCH, checkpointing=True)
    assert (parts["activations_kept"], parts["activations_work"]) == (0, 2 * 393_216)
    assert parts["logits"] == 3 * 4 * 500 * 100_000  # in float32: the output, and two gradients of it
    assert trainer_parts(wordy, replace(BATCH, targets=4000), True)["logits"] == 3 * 4 * 1024 * 100_000


def test_what_methods_and_dropout_keep_under_autograd():
    dropped = saved_by_autograd(replace(TRAINER, dropout=0.1), 10)
    assert (dropped["dropped_inputs"], dropped["dropout_masks"]) == (8320, 4160)
    four_bit = saved_by_autograd(replace(TRAINER, method="qlora"), 10)
    assert four_bit["inputs"] == 10 * (48 + 48 + 112) * 2  # one copy for all that share it; o's is `attended`
    assert saved_by_autograd(replace(TRAINER, method="qlora", targets=("q_proj",)), 10)["inputs"] == 10 * 48 * 2
    whole = replace(TRAINER, method="full")
    assert saved_by_autograd(whole, 10)["normalized"] == 10 * 2 * 48 * 2
    parts = trainer_parts(whole, BATCH, checkpointing=False)
    assert parts["activations_work"] == 4096 * (12 * 48 + 2 * 16) * 2  # the last norm's backward
    assert parts["temporary"] == 2 * 33_600_000
    half = trainer_parts(replace(whole, dtype="fp16"), BATCH, checkpointing=False)
    assert half["temporary"] == 2 * 33_600_000 + whole.trained * 2  # autocast's copies


@pytest.mark.parametrize(("tied", "tables"), [(True, 3), (False, 1)])
def test_the_end_of_a_backward_where_all_weights_train(tied, tables):
    shape = replace(SMALL, vocabulary=100_000, tied=tied)
    end = trainer_peak(replace(TRAINER, method="full", shape=shape), MicroBatchSize(8, 1, 1, 8), None, True)
    assert end == {"temporary": 2 * 33_600_000 + tables * 9_600_000}
