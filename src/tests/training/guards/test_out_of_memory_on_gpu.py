"""Memory of a GPU that runs out: a limit on the allocator."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset, write_tiny_model
from src.tests.training.guards.test_out_of_memory import difference
from src.training.llm_trainer import LLMTrainer
from src.training.loss import response_loss
from src.training.state.resolved import resolve


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_a_gpu_gradients_are_equal_to_rounding(tmp_path: Path) -> None:
    """A limit on the allocator, under which the whole step does not fit, in bf16: no further from float32's gradients.

    The weights are of a usual size: with larger ones the attention of a random model takes one key or another by the
    last bit, and transformers' own gradients in bf16 are then 89% off float32's (seen on an H100).
    """
    wide = write_tiny_model(
        tmp_path / "base",
        hidden_size=1024,
        intermediate_size=8192,
        num_attention_heads=8,
        max_position_embeddings=4096,
        initializer_range=0.02,
    )
    config = tiny_config(wide, tmp_path, lora__use_qlora=False, training__batch_size=16, training__engine="packed")
    generator = torch.Generator().manual_seed(0)
    items = []
    beginning = tiny_dataset(load_tiny(config)[1])[0]["input_ids"][
        :200
    ]  # the packer takes what all examples begin with
    for length in range(256, 512, 16):
        ids = torch.randint(256, (length,), generator=generator)
        ids[: len(beginning)] = beginning
        items.append({"input_ids": ids, "labels": torch.where(torch.arange(length) < 200, -100, ids)})

    def gradients(limit_bytes: float | None) -> tuple[dict[str, torch.Tensor], int | None, float]:
        model, tokenizer = load_tiny(config)
        dataset = tiny_dataset(tokenizer)
        resolved = resolve(config, model, dataset)
        plan = replace(resolved.memory_plan, micro_batch_tokens=32768)  # all at once, without graphs
        resolved = replace(resolved, memory_plan=plan)
        trainer = LLMTrainer(config, model, tokenizer, dataset, resolved=resolved).trainer
        trainer._prepare_for_training(1, trainer.get_train_dataloader(), None)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        if limit_bytes is not None:
            total = torch.cuda.get_device_properties(0).total_memory
            torch.cuda.set_per_process_memory_fraction((before + limit_bytes) / total)
        try:
            trainer.training_step(model, trainer.room.pack(items), None)
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        return trained(model), trainer.room.most, torch.cuda.max_memory_allocated() - before

    def exact() -> dict[str, torch.Tensor]:
        model = load_tiny(config)[0].float()
        for item in items:
            batch = {name: values[None].cuda() for name, values in item.items()}
            batch["attention_mask"] = torch.ones_like(batch["input_ids"])
            response_loss(model.get_base_model(), batch)[0].div(targets).backward()
        return trained(model)

    def trained(model: Any) -> dict[str, torch.Tensor]:
        return {name: p.grad.float() for name, p in model.named_parameters() if p.requires_grad and p.grad.any()}

    targets = sum(int((item["labels"][1:] != -100).sum()) for item in items)
    whole, most, peak = gradients(None)
    assert most is None
    limited, most, _ = gradients(0.6 * peak)
    assert most is not None
    expected = exact()
    assert difference(whole, expected) < 2e-2
    assert difference(limited, expected) < 1.25 * difference(whole, expected)
