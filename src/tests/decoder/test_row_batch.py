"""Steps with rows that hold nothing give the others what they get without them; on a GPU, as graphs."""

import pytest
import torch

from src.decoder import row_batch
from src.decoder.cached_decoder import CachedDecoder
from src.decoder.row_batch import RowBatch, padded_rows
from src.tests.packed_models import WRITTEN_OUT
from src.tests.tiny_models import load_tiny, tiny_config, write_tiny_model

PROMPTS = [[5], [7, 8, 9, 10, 11], list(range(40)), [250, 3] * 30, [1, 2, 3]]


@pytest.mark.parametrize(("rows", "padded"), [(1, 1), (2, 2), (3, 4), (5, 8), (8, 8), (9, 16), (200, 256)])
def test_rows_are_rounded_up_on_a_gpu(rows: int, padded: int) -> None:
    assert padded_rows(rows, torch.device("cuda")) == padded
    assert padded_rows(rows, torch.device("cpu")) == rows


def joined_and_left(model) -> list[torch.Tensor]:
    """Return the logits of steps between which sequences join and leave, and the caches grow."""
    slots, seen = RowBatch(CachedDecoder(model)), []
    with torch.inference_mode():
        slots.add(PROMPTS[:3])
        seen += [slots.step([3, 4, 5]).clone() for _ in range(3)]
        slots.remove(0)
        seen += [slots.step([6, 7]).clone() for _ in range(3)]
        slots.add(PROMPTS[3:])
        seen += [slots.step([8, 9, 10, 11]).clone() for _ in range(3)]
        slots.add([[20] * 300])
        seen += [slots.step([1, 2, 3, 4, 5]).clone() for _ in range(3)]
    return seen


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma4_text", "qwen3_5_text"])
def test_empty_rows_change_nothing(tmp_path, monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    base = write_tiny_model(tmp_path / "base", family, **WRITTEN_OUT[family])
    model = load_tiny(tiny_config(base, lora__use_qlora=False))[0].eval()
    alone = joined_and_left(model)
    monkeypatch.setattr(row_batch, "padded_rows", lambda rows, device: 1 << (rows - 1).bit_length())
    padded = joined_and_left(model)
    assert [len(logits) for logits in padded] == [3] * 3 + [2] * 3 + [4] * 3 + [5] * 3
    for one, other in zip(alone, padded, strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.gpu
def test_graphs_give_what_single_operations_give(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA GPU here")
    model = load_tiny(tiny_config(write_tiny_model(tmp_path / "base"), lora__use_qlora=False))[0].eval()
    by_graphs = joined_and_left(model)
    monkeypatch.setattr(RowBatch, "_stepped", RowBatch._run)
    for one, other in zip(joined_and_left(model), by_graphs, strict=True):
        assert torch.equal(one, other)
