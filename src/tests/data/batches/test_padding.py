"""The collator: right padding by length, labels untouched."""

import torch

from src.data.batches.padding import RightPadder
from src.data.llm_dataset import create_llm_dataset
from src.tests.real_tokenizers import tiny_tokenizer


def item(ids, prompt_length):
    return {
        "input_ids": torch.tensor(ids),
        "attention_mask": torch.ones(len(ids), dtype=torch.int64),
        "labels": torch.tensor([-100] * prompt_length + ids[prompt_length:]),
    }


def test_the_docstrings_example():
    batch = RightPadder(pad_token_id=0)([item([5, 6, 2], 1), item([6, 2], 0)])
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[5, 6, 2], [6, 2, 0]],
        "attention_mask": [[1, 1, 1], [1, 1, 0]],
        "labels": [[-100, 6, 2], [6, 2, -100]],
    }
    assert {tensor.dtype for tensor in batch.values()} == {torch.int64}


def test_a_pad_token_that_is_the_end_token_or_occurs_in_the_text_keeps_its_loss():
    """Traps 2 and 3: labels are not rebuilt from ids, and padding is known by length."""
    batch = RightPadder(pad_token_id=2)([item([2, 5, 6, 2, 2], 2), item([6, 2], 1)])
    assert batch["labels"].tolist() == [[-100, -100, 6, 2, 2], [-100, 2, -100, -100, -100]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]


def test_items_of_a_dataset_are_padded_to_the_batchs_longest():
    """Trap 6: not to `encoder_max_len`, and on the right."""
    tokenizer = tiny_tokenizer("chatml")
    data = create_llm_dataset(["A: a", "A: abc"], ["s", "s"], tokenizer)
    batch = RightPadder(tokenizer.pad_token_id)([data[0], data[1]])
    longest = len(data[1]["input_ids"])
    assert {tuple(tensor.shape) for tensor in batch.values()} == {(2, longest)}
    assert batch["input_ids"][0].tolist() == [*data[0]["input_ids"].tolist(), 259, 259]
    assert batch["labels"][:, -3:].tolist() == [[261, -100, -100], [-100, ord("s"), 261]]
    assert not (batch["labels"] == tokenizer.pad_token_id).any()
