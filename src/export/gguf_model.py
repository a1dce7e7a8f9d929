"""A whole model as one GGUF file, for llama.cpp and what is built on it (Ollama, LM Studio, llama-cpp-python)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from transformers import PreTrainedModel

from ..decoder.described import check_described, describe
from ..decoder.described_settings import Undescribed
from ..descriptions import DecoderDescription
from ..errors import YoyakError
from .gguf_architectures import GGUF_ARCHITECTURES, GGUFArchitecture, uncomputed
from .gguf_settings import add_settings, rope_of, uncomputed_rope
from .gguf_tokenizer import add_tokenizer

QUANTIZATIONS = {
    "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "bf16": (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}
"""What is written here; llama.cpp itself makes the others out of f16."""

_BYTES_A_WEIGHT = {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32}
_Q8_BLOCK = 32  # weights that share a scale, all of one row


def known_architecture(config: Any) -> GGUFArchitecture:
    """Return what is known of llama.cpp's architecture of a model's config; YoyakError for one that has none here."""
    if config.model_type not in GGUF_ARCHITECTURES:
        raise YoyakError(
            f"GGUF: {config.model_type} models are not written here, only {', '.join(GGUF_ARCHITECTURES)}; export "
            "merged, and see whether llama.cpp's convert_hf_to_gguf.py knows them"
        )
    return GGUF_ARCHITECTURES[config.model_type]


def architecture(config: Any) -> gguf.MODEL_ARCH:
    """Return the `gguf` package's architecture of a model's config; YoyakError for one that is not written here."""
    name = known_architecture(config).name
    return next(known for known, written in gguf.MODEL_ARCH_NAMES.items() if written == name)


def refuse_unwritten(model: Any) -> None:
    """Raise YoyakError for a model that llama.cpp, which goes by the architecture's name, would compute otherwise."""
    config = model.config
    its = known_architecture(config)
    what: str | None = "the checkpoint's own code"
    if type(model).__module__.startswith("transformers."):
        try:
            check_described(model)
            description = describe(model)
        except Undescribed as undescribed:
            raise YoyakError(f"GGUF: {undescribed.words}; export merged") from undescribed
        what = uncomputed_rope(its, config) or uncomputed(its, description)
    if what:
        raise YoyakError(f"GGUF: llama.cpp does not compute {what} for {config.model_type} models; export merged")


def permuted(x: np.ndarray[Any, Any], heads: int, back: bool = False) -> np.ndarray[Any, Any]:
    """Return rows (heads x size, ...) of q or k with those that rotate together next to each other, or undo that."""
    half = x.shape[0] // heads // 2
    return x.reshape(heads, *((half, 2) if back else (2, half)), *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)


def rotary_heads(config: Any, name: str) -> int | None:
    """Return by how many heads the rows of a tensor are permuted; None where they stay as they are."""
    if not known_architecture(config).rotary_pairs:
        return None
    if ".q_proj." in name:
        return int(config.num_attention_heads)
    return int(config.num_key_value_heads) if ".k_proj." in name else None


def norm_offset(description: DecoderDescription, name: str) -> float:
    """Return what is added to a tensor's values: llama.cpp has the whole factor of a norm that is 1 + weight."""
    return 1.0 if description.norm.plus_one and name.endswith("norm.weight") else 0.0


def gguf_names(config: Any) -> gguf.TensorNameMap:
    """Return the map from a model's tensor names to llama.cpp's."""
    return gguf.get_tensor_name_map(architecture(config), config.num_hidden_layers)


def gguf_bytes(parameters: int, quantization: str) -> int:
    """Return about how large a file of so many parameters becomes, in bytes, its tokenizer included."""
    return int(parameters * _BYTES_A_WEIGHT[quantization]) + 16_000_000


@dataclass(frozen=True)
class _Tensor:
    """A tensor on its way into the file.

    Attributes:
        name: there.
        values: as the model has them.
        heads: that its rows are permuted by.
        kind: how it is stored.
        plus: what is added to its values.
    """

    name: str
    values: torch.Tensor
    heads: int | None
    kind: gguf.GGMLQuantizationType
    plus: float = 0.0

    def stored(self) -> np.ndarray[Any, Any]:
        """Return the bytes or numbers that the file holds."""
        values = self.values.detach().float().numpy() + np.float32(self.plus)
        ordered = permuted(values, self.heads) if self.heads else values
        stored: np.ndarray[Any, Any] = gguf.quants.quantize(ordered, self.kind)
        return stored

    def add_info(self, writer: gguf.GGUFWriter) -> None:
        """Announce name, shape, kind and size, before any tensor's data is written."""
        shape: Any = tuple(self.values.shape)
        dtype = _PLAIN_DTYPES.get(self.kind)
        if dtype is None:
            shape = gguf.quant_shape_to_byte_shape(shape, self.kind)
        stored = np.dtype(dtype or np.uint8)
        writer.add_tensor_info(self.name, shape, stored, int(np.prod(shape)) * stored.itemsize, self.kind)


_PLAIN_DTYPES = {gguf.GGMLQuantizationType.F32: np.float32, gguf.GGMLQuantizationType.F16: np.float16}


def write_model_gguf(
    path: Path,
    model: PreTrainedModel,
    tokenizer: Any,
    quantization: str,
    *,
    name: str,
    end_id: int,
    add_bos: bool,
    chat_template: str | None,
    more_ends: Sequence[int] = (),
) -> int:
    """Write a plain model as GGUF; return the number of tensors.

    Matrices are stored as `quantization` says (one of `QUANTIZATIONS`; f16 where a row does not divide into q8_0's
    blocks), vectors in float32. One tensor at a time is in memory besides the model, which is on the CPU. `name` is for
    people, the rest as in `add_tokenizer`.

    Raises:
        YoyakError: what llama.cpp would compute otherwise, or a tokenizer that it does not know.
    """
    refuse_unwritten(model)
    config = model.config
    kind, file_type = QUANTIZATIONS[quantization]
    description = describe(model)
    writer = gguf.GGUFWriter(path, known_architecture(config).name)
    try:
        add_settings(writer, known_architecture(config), config, description, name, file_type)
        rows = model.get_input_embeddings().weight.shape[0]
        special: dict[str, Any] = {"end_id": end_id, "more_ends": more_ends, "add_bos": add_bos}
        add_tokenizer(writer, tokenizer, rows, **special, chat_template=chat_template)
        tensors = list(_tensors(model, description, kind))
        for tensor in tensors:
            tensor.add_info(writer)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor in tensors:
            writer.write_tensor_data(tensor.stored())
    finally:
        writer.close()
    return len(tensors)


def _tensors(
    model: PreTrainedModel, description: DecoderDescription, kind: gguf.GGMLQuantizationType
) -> Iterator[_Tensor]:
    """Yield the tensors of a model under llama.cpp's names; a head that is tied to the embedding is left out."""
    config, names = model.config, gguf_names(model.config)
    factors = _rope_factors(model)
    if factors is not None:
        yield _Tensor("rope_freqs.weight", factors, None, gguf.GGMLQuantizationType.F32)
    for name, values in model.state_dict().items():
        if config.tie_word_embeddings and name == "lm_head.weight":
            continue
        theirs = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if theirs is None:
            raise YoyakError(f"GGUF: llama.cpp has no place for {name}; export merged instead")
        plus = norm_offset(description, name)
        yield _Tensor(theirs, values, rotary_heads(config, name), _stored_kind(values, kind), plus)


def _stored_kind(values: torch.Tensor, kind: gguf.GGMLQuantizationType) -> gguf.GGMLQuantizationType:
    if values.ndim == 1:
        return gguf.GGMLQuantizationType.F32
    if kind is gguf.GGMLQuantizationType.Q8_0 and values.shape[-1] % _Q8_BLOCK:
        return gguf.GGMLQuantizationType.F16
    return kind


def _rope_factors(model: PreTrainedModel) -> torch.Tensor | None:
    """Return by what Llama 3.1's scaling divides each rotary frequency (head size / 2); None where it has none."""
    rope = rope_of(model.config)
    if rope["rope_type"] != "llama3":
        return None
    scaled: torch.Tensor = model.get_decoder().rotary_emb.inv_freq.float()
    plain = float(rope["rope_theta"]) ** -(torch.arange(len(scaled), dtype=torch.float32) / len(scaled))
    return plain / scaled
