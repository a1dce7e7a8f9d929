"""Other trainers under DDP, each on a checkpoint's folder and rows of token ids; `several_peer.py` starts them."""

import importlib.util
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
_PACKAGES = ("unsloth", "trl", "transformers", "peft", "bitsandbytes", "flash_attn", "liger_kernel")


@dataclass(frozen=True)
class Work:
    """What a peer trains on.

    Attributes:
        checkpoint: folder of the model and its tokenizer.
        rows: `input_ids` and `labels` of the examples of all cards and steps.
        per_card: examples of a step on one card.
        batch: those of one micro-batch of it.
        recompute: whether layers are computed again in the backward pass.
        warm_up: steps before the timed ones.
        steps: those that are timed.
    """

    checkpoint: Path
    rows: list[dict[str, list[int]]]
    per_card: int
    batch: int
    recompute: bool
    warm_up: int
    steps: int


def train(peer: str, work: Work) -> dict[str, Any]:
    """Train as one process of `unsloth`, `trl` or `trainer`; return the figures of the steps after warm-up."""
    with tempfile.TemporaryDirectory() as folder:
        trainer, how = {"unsloth": unsloth_trainer, "trl": trl_trainer, "trainer": peft_trainer}[peer](work, folder)
        import torch
        from transformers import TrainerCallback

        cuda, moments = torch.cuda.is_available(), dict[int, float]()

        class Clock(TrainerCallback):
            """When the timed steps began and ended, with the GPU's work done."""

            def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                if state.global_step in (work.warm_up, work.warm_up + work.steps):
                    if cuda:
                        torch.cuda.synchronize()
                    moments[state.global_step] = time.perf_counter()

        trainer.add_callback(Clock())
        loss = trainer.train().training_loss
        processes, wrapped = trainer.args.world_size, type(trainer.model_wrapped).__name__
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    seconds = moments[work.warm_up + work.steps] - moments[work.warm_up]
    rate = work.per_card * processes * work.steps / seconds
    return {
        "samples_s": round(rate, 1),
        "tokens_s": round(rate * sum(len(row["input_ids"]) for row in work.rows) / len(work.rows)),
        "step_s": round(seconds / work.steps, 4),
        "processes": processes,
        "wrapped_in": wrapped,
        "batch": work.batch,
        "recompute": work.recompute,
        **how,
        "peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2) if cuda else 0.0,
        "loss": round(loss, 4),
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def unsloth_model(checkpoint: Path, matrices: Sequence[str], recompute: bool) -> tuple[Any, Any]:
    """Return Unsloth's model in NF4 with an adapter on matrices, and its tokenizer; before transformers is imported."""
    from unsloth import FastLanguageModel  # isort: skip  # before transformers and trl, which it changes
    import torch

    model, tokenizer = FastLanguageModel.from_pretrained(
        str(checkpoint), max_seq_length=2048, load_in_4bit=True, dtype=torch.bfloat16
    )
    adapted = FastLanguageModel.get_peft_model(
        model,
        r=16,
        lora_alpha=32,
        lora_dropout=0,
        bias="none",
        target_modules=list(matrices),
        use_gradient_checkpointing="unsloth" if recompute else False,
        random_state=0,
    )
    return adapted, tokenizer


def unsloth_trainer(work: Work, folder: str) -> tuple[Any, dict[str, Any]]:
    """Return Unsloth's trainer, and how it attends; it puts each process's model on that one's card itself."""
    model, tokenizer = unsloth_model(work.checkpoint, PROJECTIONS, work.recompute)
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer
    from unsloth.utils import attention_dispatch

    # unless told, each card's process starts dozens of others to prepare the text
    texts = {"max_length": 2048, "dataset_text_field": "text", "dataset_num_proc": 1}
    options = SFTConfig(**_options(work, folder), **texts, padding_free=True)
    # it builds its padding-free trainer for text alone: the rows of ids replace some text then
    text = Dataset.from_list([{"text": tokenizer.decode(row["input_ids"])} for row in work.rows[: work.per_card]])
    trainer = SFTTrainer(model=model, processing_class=tokenizer, args=options, train_dataset=text)
    trainer.train_dataset = Dataset.from_list(work.rows)
    attention = str(attention_dispatch.select_attention_backend(True))
    return trainer, {"attention": attention, "padding_free": getattr(trainer.data_collator, "padding_free", None)}


def trl_trainer(work: Work, folder: str) -> tuple[Any, dict[str, Any]]:
    """Return TRL's trainer, and how it attends: FlashAttention 2 without padding and Liger where they are installed."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoTokenizer
    from transformers.utils import is_flash_attn_2_available
    from trl import SFTConfig, SFTTrainer

    flash = torch.cuda.is_available() and is_flash_attn_2_available()
    attention = "flash_attention_2" if flash else "sdpa"
    liger = torch.cuda.is_available() and importlib.util.find_spec("liger_kernel") is not None
    trainer = SFTTrainer(
        model=_frozen_model(work, attention),
        processing_class=AutoTokenizer.from_pretrained(work.checkpoint),
        train_dataset=Dataset.from_list(work.rows),
        args=SFTConfig(
            **_options(work, folder),
            max_length=None,
            padding_free=flash,
            use_liger_kernel=liger,
            dataset_kwargs={"skip_prepare_dataset": True},
        ),
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules=PROJECTIONS, task_type="CAUSAL_LM"),
    )
    return trainer, {"attention": attention, "padding_free": flash, "liger": liger}


def peft_trainer(work: Work, folder: str) -> tuple[Any, dict[str, Any]]:
    """Return transformers' trainer with PEFT, padded batches, and how it attends."""
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
    from transformers import AutoTokenizer, DataCollatorForSeq2Seq, Trainer, TrainingArguments

    model = prepare_model_for_kbit_training(_frozen_model(work, "sdpa"), use_gradient_checkpointing=False)
    lora = LoraConfig(r=16, lora_alpha=32, target_modules=PROJECTIONS, task_type="CAUSAL_LM")
    model = get_peft_model(model, lora)
    model.enable_input_require_grads()
    tokenizer = AutoTokenizer.from_pretrained(work.checkpoint)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    options = TrainingArguments(**_options(work, folder), remove_unused_columns=False)
    collator = DataCollatorForSeq2Seq(tokenizer)  # pads the labels too
    trainer = Trainer(model=model, train_dataset=work.rows, data_collator=collator, args=options)
    return trainer, {"attention": "sdpa", "padding_free": False}


def _frozen_model(work: Work, attention: str) -> Any:
    """Return the model on this process's card: in NF4 on a GPU, in float32 without."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    if not torch.cuda.is_available():
        return AutoModelForCausalLM.from_pretrained(work.checkpoint, dtype=torch.float32)
    card = int(os.environ["LOCAL_RANK"])
    torch.cuda.set_device(card)
    quantization = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_use_double_quant=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return AutoModelForCausalLM.from_pretrained(
        work.checkpoint,
        quantization_config=quantization,
        dtype=torch.bfloat16,
        device_map={"": card},
        attn_implementation=attention,
    )


def _options(work: Work, folder: str) -> dict[str, Any]:
    """Return the settings that each peer's trainer is told."""
    import torch

    cuda = torch.cuda.is_available()
    return {
        "output_dir": folder,
        "per_device_train_batch_size": work.batch,
        "gradient_accumulation_steps": work.per_card // work.batch,
        "max_steps": work.warm_up + work.steps,
        "learning_rate": 2e-5,
        "optim": "adamw_torch_fused" if cuda else "adamw_torch",
        "bf16": cuda,
        "use_cpu": not cuda,
        "logging_steps": 8,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "gradient_checkpointing": work.recompute,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},  # Unsloth sets its own; the other is not for DDP
        "ddp_find_unused_parameters": False,  # all of the adapter's are used in every step
        "ddp_broadcast_buffers": False,  # they are the same on all cards
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
