"""A decoder that reads prompts packed without padding into caches of keys and values, and appends a token to each row.

`generate` of transformers pads the prompts, copies the cache at each token, computes rows that have ended, and launches
thousands of small operations a token, which bound it.
"""

from collections.abc import Sequence
from typing import Any

import torch

from ..data.batches.bins import assign_to_bins
from ..errors import YoyakError
from ..kernels.few_rows import linear
from ..kernels.heads import Sequences
from ..kernels.response_loss import capped
from ..models.causal_head import without_wrapper
from ..models.shared_layers import shared_layers_of
from .adapter_buffers import Refresh
from .attention import Cache
from .decoder_layer import DecoderLayer
from .decoder_norm import DecoderNorm, scaled
from .described import describe
from .layer_state import ADAPTED_INPUTS, Rotaries
from .model_layers import decoder_layers, rotary_tables

_PREFILL_TOKENS = {"cpu": 1024, "cuda": 16384}  # of a packed batch of prompts


class CachedDecoder:
    """Generates for a batch of prompts at a time; the model is one that `decoder_obstacle` has nothing against."""

    def __init__(self, model: Any, layers: Sequence[DecoderLayer] | None = None) -> None:
        """Read the layers of a model, with or without adapter, and the adapter's values as they are now.

        `layers` are those of a `PackedDecoder`, to generate with the very weights that it trains; by default new ones.

        Raises:
            YoyakError: weights are cut over several ranks, which don't draw equally many tokens.
        """
        causal_lm = without_wrapper(model)
        if shared_layers_of(causal_lm) is not None:
            raise YoyakError("summaries can't be generated from weights that are cut; set training.sharding=none")
        self.description = describe(causal_lm)
        self.embeddings, self.head = causal_lm.model.embed_tokens.weight, causal_lm.lm_head.weight
        self.embedding_scale, self.head_scale = self.description.embedding_scale, self.description.head_scale
        self.norm = DecoderNorm(causal_lm.model.norm, self.description.norm)
        self.rotary_embedding = causal_lm.model.rotary_emb
        self.layers = decoder_layers(causal_lm) if layers is None else layers
        self._refresh = Refresh([linear for layer in self.layers for linear in layer.linears])
        self.refresh()

    def refresh(self) -> None:
        """Take over the adapter's values as they are now."""
        self._refresh(dropping=False)

    def rotations(self, places: int) -> Rotaries:
        """Return cosines and sines (places, head width / 2) of the first places, by table."""
        positions = torch.arange(places, device=self.embeddings.device)
        return rotary_tables(self.rotary_embedding, self.description, self.embeddings, positions)

    def _embed(self, ids: torch.Tensor) -> torch.Tensor:
        return scaled(self.embeddings[ids], self.embedding_scale)

    def read_prompts(
        self, prompts: Sequence[list[int]], rows: Sequence[int], caches: Sequence[Cache], rotaries: Rotaries
    ) -> torch.Tensor:
        """Put the prompts' keys and values, or states, into rows of the caches, packed without padding.

        Args:
            prompts: token ids.
            rows: the row of the caches that each prompt takes.
            caches: of each layer, as its attention makes it.
            rotaries: cosines and sines of all places.

        Returns:
            (prompts, width), the last layer's output at each prompt's last token.
        """
        states: torch.Tensor = self.embeddings.new_empty(len(prompts), self.embeddings.shape[1])
        for some in assign_to_bins([len(ids) for ids in prompts], _PREFILL_TOKENS[self.embeddings.device.type]):
            states[some] = self._read(
                [prompts[index] for index in some], [rows[index] for index in some], caches, rotaries
            )
        return states

    def _read(
        self, prompts: Sequence[list[int]], rows: Sequence[int], caches: Sequence[Cache], rotaries: Rotaries
    ) -> torch.Tensor:
        device = self.embeddings.device
        lengths = torch.tensor([len(ids) for ids in prompts])
        ends = lengths.cumsum(0)
        positions = torch.cat([torch.arange(len(ids)) for ids in prompts]).to(device)
        of_prompts = torch.tensor(rows, device=device)
        ends_of_tokens = torch.repeat_interleave(ends, lengths).to(device)
        sequences = Sequences([0, *ends.tolist()], positions, ends_of_tokens, continued=True)
        turned = rotaries.at(positions)
        hidden = self._embed(torch.tensor([token for ids in prompts for token in ids], device=device))
        middle = None
        last = (ends - 1).to(device)
        for layer, cache in zip(self.layers, caches, strict=True):
            needed = last if layer is self.layers[-1] else None
            hidden, saved = layer.forward(hidden, middle, turned, sequences, (None,) * ADAPTED_INPUTS, rows=needed)
            hidden, middle = layer.as_input(hidden, saved.middle)
            layer.attention.fill(cache, saved.attention, sequences, of_prompts)
        states: torch.Tensor = hidden if middle is None else hidden.add_(middle)
        return states

    def step(
        self, ids: torch.Tensor, lengths: torch.Tensor, caches: Sequence[Cache], rotaries: Rotaries
    ) -> torch.Tensor:
        """Append a token to each row; return the logits after it (rows, vocabulary).

        Args:
            ids: (rows,) the tokens.
            lengths: (rows,) tokens that each row holds already.
            caches: as in `read_prompts`.
            rotaries: as in `read_prompts`.
        """
        hidden = self._embed(ids)
        turned = rotaries.at(lengths)
        for layer, cache in zip(self.layers, caches, strict=True):
            hidden = layer.step(hidden, turned, cache, lengths)
        return self.logits(hidden)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the logits (rows, vocabulary) after the last layer's output (rows, width)."""
        states = torch.empty_like(hidden)
        self.norm.forward(hidden, states)
        return capped(linear(scaled(states, self.head_scale), self.head), self.description.logit_cap)
