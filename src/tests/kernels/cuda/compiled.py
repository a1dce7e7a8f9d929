"""Compiles the kernels without a GPU: `python -m src.tests.kernels.cuda.compiled CAPABILITY TYPE SHAPES [KERNEL ...]`.

The launchers are called with tensors that have shapes only, each launch is recorded instead of run, and its kernel is
compiled for the capability (75, 80, ...) with the launch's own types, block sizes, warps and stages. SHAPES are names
with commas between. Prints one JSON object a launch: `shape`, `kernel` and `shared_bytes`.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

from src.kernels.cuda import (
    beam_order,
    cached_attention,
    dropout,
    nf4,
    norm_weight,
    packed_attention,
    packed_flash,
    response_loss,
    rms_norm,
    scaled_copies,
    swiglu,
    unit_length,
)
from src.kernels.heads import AttentionShape, HeadNorms, Sequences

TOKENS = 20480
_TYPES = {
    torch.float32: "fp32",
    torch.float16: "fp16",
    torch.bfloat16: "bf16",
    torch.int64: "i64",
    torch.uint8: "u8",
}


@dataclass(frozen=True)
class ModelShape:
    """What the kernels see of a model."""

    attention: AttentionShape
    hidden: int
    mlp: int
    vocabulary: int
    head_norms: bool = False
    gemma: bool = False  # norms with 1 + weight, gelu


SHAPES = {
    "smollm2_135m": ModelShape(AttentionShape(9, 3, 64), 576, 1536, 49152),
    "llama3_3b": ModelShape(AttentionShape(24, 8, 128), 3072, 8192, 128256),
    "qwen3_4b": ModelShape(AttentionShape(32, 8, 128), 2560, 9728, 151936, head_norms=True),
    "gemma3_270m": ModelShape(AttentionShape(4, 1, 256, window=512), 640, 2048, 262144, head_norms=True, gemma=True),
    "gemma4_12b": ModelShape(AttentionShape(16, 1, 512, 1.0), 3840, 15360, 262144, head_norms=True),
    "llama3_8b": ModelShape(AttentionShape(32, 8, 128), 4096, 14336, 128256),
}


@dataclass(frozen=True)
class Launch:
    """A kernel, its arguments by name, and the options it is compiled with."""

    kernel: Any
    arguments: dict[str, Any]
    options: dict[str, int]


def launches(shape: ModelShape, dtype: torch.dtype) -> Iterator[Launch]:
    """Yield what training and generation with a model launch."""
    recorded: list[Launch] = []

    def record(kernel: Any, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> None:
        options = {name: kwargs.pop(name) for name in ("num_warps", "num_stages") if name in kwargs}
        recorded.append(Launch(kernel, dict(zip(kernel.arg_names, args, strict=False)) | kwargs, options))

    JITFunction.run = record
    _launch_all(shape, dtype)
    yield from recorded


def _launch_all(shape: ModelShape, dtype: torch.dtype) -> None:
    def empty(*size: int, of: torch.dtype = dtype) -> torch.Tensor:
        return torch.empty(size, dtype=of, device="meta")

    attention, integers = shape.attention, empty(TOKENS, of=torch.int64)
    inner = attention.heads * attention.width
    rotary = empty(TOKENS, attention.width // 2), empty(TOKENS, attention.width // 2)
    norms = HeadNorms(empty(2, attention.width), 1e-6, plus_one=shape.gemma) if shape.head_norms else None
    counted = dropout.CountedDrop(0.05, empty(1, of=torch.int64), integers, integers, 3)
    hidden, weight = empty(TOKENS, shape.hidden), empty(shape.hidden)
    plus_one, activation = shape.gemma, "gelu_tanh" if shape.gemma else "silu"
    into = empty(TOKENS, shape.hidden + 48)[:, : shape.hidden]
    inverse = rms_norm.rms_norm(hidden, weight, 1e-5, into, plus_one=plus_one)
    rms_norm.rms_norm(hidden, weight, 1e-5, hidden, hidden, plus_one)
    rms_norm.rms_norm_backward(hidden, hidden, weight, inverse, hidden, plus_one)
    if shape.gemma:
        rms_norm.rms_norm_backward(hidden, hidden, weight, inverse, None, plus_one)
    norm_weight.add_norm_weight_gradient(weight, hidden, hidden, inverse)
    swiglu.swiglu(empty(TOKENS, 2 * shape.mlp), empty(TOKENS, shape.mlp + 16)[:, : shape.mlp], activation)
    for again in (None, empty(TOKENS, shape.mlp)):
        grad = empty(TOKENS, shape.mlp + 16)
        low_rank = grad[:, shape.mlp :], empty(16, shape.mlp)
        for part, how in ((None, None), (low_rank, None), (low_rank, counted)):
            swiglu.swiglu_backward(grad[:, : shape.mlp], empty(TOKENS, 2 * shape.mlp), again, part, how, activation)
    out = empty(TOKENS, inner + 16)[:, :inner]
    places = Sequences([], integers, integers)
    for sequences in (places, replace(places, shared=35), replace(places, before=torch.stack([integers, integers]))):
        state = packed_attention.packed_attention(
            empty(TOKENS, attention.columns), rotary, sequences, attention, norms, out
        )
        packed_attention.packed_attention_backward(out, state, rotary, sequences, attention, norms)
    if norms is not None:
        norms.gradient = empty(2 * attention.width)
        packed_attention.packed_attention_backward(out, state, rotary, sequences, attention, norms)
    response_loss.cross_entropy_in_place(empty(512, shape.vocabulary), empty(512, of=torch.int64))
    counted(hidden)
    counted.add_product(hidden, empty(TOKENS, 48), empty(48, shape.hidden))
    packed, state, wide = _quantized(shape, empty)
    nf4.dequantize_nf4(packed, state, wide[:, : shape.hidden])
    nf4.dequantize_nf4(packed, state, wide[:, : shape.hidden], empty(shape.mlp, 16), wide[:, shape.hidden :])
    sources = [empty(16, shape.hidden, of=torch.float32), empty(shape.mlp, 16, of=torch.float32)]
    scaled_copies.ScaledCopies(sources, [empty(48, shape.hidden)[:16], wide[:, shape.hidden :]])([2.0, 1.0])
    cache = (empty(64, attention.key_heads, 512, attention.width),) * 2
    cached_attention.cached_attention(
        empty(64, attention.columns), (rotary[0][:64], rotary[1][:64]), cache, integers[:64], attention, norms, out[:64]
    )
    heads = empty(TOKENS, attention.columns).requires_grad_().unflatten(1, (-1, attention.width))
    unit_length.unit_length(heads[:, : attention.key_heads]).sum().backward()  # type: ignore[no-untyped-call]
    for beams in (2, 4, 64):
        beam_order.reorder_beams(cache, integers[:64].view(-1, beams), integers[:2], integers[:2])


def _quantized(shape: ModelShape, empty: Any) -> tuple[torch.Tensor, Any, torch.Tensor]:
    numbers = shape.hidden * shape.mlp
    second = SimpleNamespace(code=empty(256, of=torch.float32), absmax=empty(numbers // 64 // 256, of=torch.float32))
    state = SimpleNamespace(
        nested=True, blocksize=64, code=empty(16, of=torch.float32), absmax=empty(numbers // 64, of=torch.uint8)
    )
    state.state2, state.offset, second.blocksize = second, empty(1, of=torch.float32), 256
    return empty(numbers // 2, 1, of=torch.uint8), state, empty(shape.mlp, shape.hidden + 16)


def compile_launch(launch: Launch, capability: int) -> dict[str, Any]:
    """Compile a launch's kernel as Triton would at that launch."""
    signature, constants, aligned = {}, {}, {}
    for index, parameter in enumerate(launch.kernel.params):
        value = launch.arguments.get(parameter.name)
        kind = "constexpr" if parameter.is_constexpr or value is None else _type(value)
        signature[parameter.name] = kind
        if kind == "constexpr":
            constants[(index,)] = value
        elif isinstance(value, torch.Tensor) or (isinstance(value, int) and value % 16 == 0):
            aligned[(index,)] = [["tt.divisibility", 16]]
    source = ASTSource(launch.kernel, signature, constants, aligned)
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=launch.options)
    name = f"{launch.kernel.__module__.rpartition('.')[2]}.{launch.kernel.__name__}"
    return {"kernel": name, "shared_bytes": compiled.metadata.shared}


def _type(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return "*" + _TYPES[value.dtype]
    if isinstance(value, float):
        return "fp32"
    return "i32" if -(2**31) <= value < 2**31 else "u32" if value < 2**32 else "i64"


def main(capability: int, dtype: str, shapes: list[str], kernels: list[str]) -> None:
    """Compile the shapes' kernels (all, or those of the modules named) and print a line each."""
    packed_flash.capability = lambda device: divmod(capability, 10)
    for shape in shapes:
        for launch in launches(SHAPES[shape], getattr(torch, dtype)):
            if not kernels or launch.kernel.__module__.rpartition(".")[2] in kernels:
                print(json.dumps({"shape": shape} | compile_launch(launch, capability)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3].split(","), sys.argv[4:])
