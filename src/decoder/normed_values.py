"""Attention whose heads of values have a norm, and may be made of the same numbers as the keys (Gemma 4)."""

from dataclasses import dataclass
from typing import Any

import torch

from ..descriptions import AttentionDescription
from ..kernels.cached_attention import cached_attention
from ..kernels.heads import Sequences
from ..kernels.packed_attention import packed_attention, packed_attention_backward
from ..kernels.rms_norm import rms_norm, rms_norm_backward
from .attention import Attention, Cache
from .layer_state import Rotaries


@dataclass(frozen=True)
class _NormedValueState:
    attention: Any
    values: torch.Tensor
    inverse_rms: torch.Tensor

    def keys_and_values(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.attention.keys_and_values()  # type: ignore[no-any-return]


class NormedValueAttention(Attention):
    """Attention with a norm of each head of values, which has no weight.

    Attributes:
        from_keys: whether values are what the keys' matrix gives, before the keys' norm and rotation.
    """

    def __init__(self, module: Any, description: AttentionDescription) -> None:
        """Take transformers' module and its description."""
        super().__init__(module, description)
        assert description.value_norm is not None
        self.eps, self.from_keys = description.value_norm.eps, description.values_from_keys
        self.ones = torch.ones_like(module.q_norm.weight.data)
        width = description.width
        self.keys_at = description.heads * width
        self.values_at = self.keys_at + description.key_heads * width

    def forward(
        self, mixed: torch.Tensor, rotaries: Rotaries, sequences: Sequences, out: torch.Tensor, last: bool = False
    ) -> Any:
        """See `Attention.forward`."""
        qkv, values, inverse = self._with_values(mixed)
        state = packed_attention(qkv, rotaries[self.rotary], sequences, self.shape, self.norms, out)
        return _NormedValueState(state, values, inverse)

    def backward(self, grad: torch.Tensor, state: Any, rotaries: Rotaries, sequences: Sequences) -> torch.Tensor:
        """See `Attention.backward`."""
        turned = rotaries[self.rotary]
        grad_qkv = packed_attention_backward(grad, state.attention, turned, sequences, self.shape, self.norms)
        grad_normal = grad_qkv[:, self.values_at :].reshape(state.values.shape)
        grad_values = rms_norm_backward(grad_normal, state.values, self.ones, state.inverse_rms, None)
        grad_values = grad_values.view(len(grad), -1)
        if not self.from_keys:
            grad_qkv[:, self.values_at :] = grad_values
            return grad_qkv
        grad_qkv[:, self.keys_at : self.values_at] += grad_values
        return grad_qkv[:, : self.values_at].contiguous()

    def step(
        self, mixed: torch.Tensor, rotaries: Rotaries, cache: Cache, lengths: torch.Tensor, out: torch.Tensor
    ) -> None:
        """See `Attention.step`."""
        qkv = self._with_values(mixed)[0]
        cached_attention(qkv, rotaries[self.rotary], cache, lengths, self.shape, self.norms, out)

    def _with_values(self, mixed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return queries, keys and values side by side, the values normed; these before, a head a row; 1 / rms."""
        rows, qkv = len(mixed), mixed
        values = mixed.new_empty(rows * self.shape.key_heads, self.shape.width)  # a copy: its place is written to
        values.view(rows, -1).copy_(mixed[:, self.keys_at if self.from_keys else self.values_at :])
        if self.from_keys:
            qkv = mixed.new_empty(rows, self.shape.columns)
            qkv[:, : self.values_at] = mixed
        normal = torch.empty_like(values)
        inverse = rms_norm(values, self.ones, self.eps, normal)
        qkv[:, self.values_at :] = normal.view(rows, -1)
        return qkv, values, inverse
