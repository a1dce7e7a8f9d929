"""What caches are planned to take, against the tensors that are there."""

from typing import Any

import pytest
import torch

from src.config.schema import GenerationSettings
from src.decoder.beam_batch import BeamBatch
from src.decoder.cached_decoder import CachedDecoder
from src.decoder.row_batch import RowBatch
from src.inference.cache_size import CacheSize, cache_size
from src.serving.slots import Slots
from src.tests.packed_models import WRITTEN_OUT
from src.tests.tiny_architectures import write_architecture
from src.tests.tiny_models import load_tiny, tiny_config, write_tiny_model


def tiny(tmp_path: Any, family: str, **settings: Any) -> Any:
    base = write_tiny_model(tmp_path / "base", family, **WRITTEN_OUT[family], **settings)
    return load_tiny(tiny_config(base, lora__use_qlora=False, model__dtype="fp32"))[0].eval()


def bytes_of(tensors: Any) -> int:
    """Return the bytes behind tensors, a view's whole storage."""
    return sum({x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in tensors}.values())


@pytest.mark.parametrize("family", ["qwen3_5_text", "gemma3_text", "llama"])
@pytest.mark.parametrize(("rows", "tokens"), [(1, 100), (3, 100), (3, 257)])
def test_rows_of_the_cached_decoder(tmp_path: Any, family: str, rows: int, tokens: int) -> None:
    model = tiny(tmp_path, family)
    batch = RowBatch(CachedDecoder(model))
    with torch.inference_mode():
        batch.add([list(range(tokens - 2)), *[[5]] * (rows - 1)])
        for _ in range(2):
            batch.step([1] * rows)
    size = cache_size(model, fast=True)
    assert rows * size.of_row(tokens) == bytes_of(states for cache in batch._caches for states in cache)
    assert not size.power_of_two


def test_rows_that_join_one_by_one_are_a_power_of_two(tmp_path: Any) -> None:
    model = tiny(tmp_path, "llama")
    batch = RowBatch(CachedDecoder(model))
    with torch.inference_mode():
        for _ in range(5):
            batch.add([[5, 6, 7]])
    size = cache_size(model, fast=True, joins=True)
    taken = bytes_of(states for cache in batch._caches for states in cache)
    assert taken == 8 * size.of_row(3)
    assert size.rows(3, taken) == 8
    assert size.rows(3, taken - 1) == 4


def test_dialogues_with_their_beams_are_a_power_of_two() -> None:
    """On a GPU five dialogues of three beams take 24 rows, and not 16."""
    size = CacheSize(token_bytes=2, row_bytes=7, power_of_two=True).times(3)
    assert size.of_row(10) == 3 * (2 * 10 + 7)
    assert size.rows(10, 8 * 81) == 8
    assert size.rows(10, 8 * 81 - 1) == 4


@pytest.mark.parametrize(("rows", "beams"), [(3, 4), (1, 2)])
def test_caches_of_beams(tmp_path: Any, rows: int, beams: int) -> None:
    model = tiny(tmp_path, "llama")
    settings = GenerationSettings(num_beams=beams)
    batch = BeamBatch(CachedDecoder(model), settings, [1], rows=rows, longest=90, most=10)
    taken = bytes_of(states for cache in batch._caches for states in cache)
    assert rows * cache_size(model, fast=True).times(beams).of_row(100) == taken


# By transformers: windows are views of the whole prompt's keys and values until the next token.
@pytest.mark.parametrize("family", ["qwen3_5_text", "gemma3_text", "llama"])
def test_caches_of_transformers(tmp_path: Any, family: str) -> None:
    model = tiny(tmp_path, family)
    with torch.inference_mode():
        layers = model(input_ids=torch.arange(40).repeat(2, 1), use_cache=True).past_key_values.layers
    states = [x for layer in layers for x in (getattr(layer, "keys", None), getattr(layer, "values", None))]
    for layer in layers:
        for kind in ("conv_states", "recurrent_states"):
            states += getattr(layer, kind, {}).values()
    taken = bytes_of(x for x in states if x is not None and x.numel())
    assert 2 * cache_size(model, fast=False).of_row(40) == taken


def test_slots(tmp_path: Any) -> None:
    """What serves where the cached decoder can't: keeps windows whole."""
    model = tiny(tmp_path, "gemma3_text")
    slots = Slots(model)
    with torch.inference_mode():
        for _ in range(3):
            slots.add([[5, 6, 7]])
    rows, places = slots.capacity
    size = cache_size(model, fast=False, joins=True)
    taken = bytes_of(x for layer in slots._layers for x in (layer.keys, layer.values))
    assert (taken, rows) == (rows * size.of_row(places), 4)


def test_layers_with_heads_of_two_widths(tmp_path: Any) -> None:
    # Gemma 4: five layers of sliding attention with 2 key heads of 16, one of full attention with 2 of 32.
    folder = write_architecture(tmp_path, "gemma4_text")
    model, _ = load_tiny(tiny_config(folder, lora__use_qlora=False, model__dtype="fp32"))
    assert cache_size(model, fast=False) == CacheSize(2 * (5 * 2 * 16 + 2 * 32) * 4)
