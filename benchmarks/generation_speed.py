"""Greedy generation against transformers' `generate`, in one run and on the same prompts. One JSON line.

    python benchmarks/generation_speed.py cpu [--adapter outputs/quickstart/final_model]
    python benchmarks/generation_speed.py gpu --examples FILE [--merged]

cpu: the bundled model with an adapter on the 20 sample dialogues; ids must be equal. gpu: Llama-3.2-3B's shape with
random weights and a random adapter, 499 prompts and 100 new tokens each; FILE holds token ids (`input_ids`,
`prompt_len`). On a GPU ids of random weights part at the first rounding, so the model itself judges them: how far the
logit of each chosen token is below the highest one, under teacher forcing, beside what padding alone changes.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from src.commands.console import create_console, quiet_libraries
from src.inference.cached_decoder import CachedDecoder
from src.inference.generator import autocast

Ids = list[list[int]]


def by_generate(model: Any, prompts: Ids, size: int, tokens: int, end_id: int | None, pad_id: int) -> Ids:
    """Return new ids by transformers, in batches of similar length."""
    order = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
    results: dict[int, list[int]] = {}
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        width = max(len(prompts[row]) for row in rows)
        padded = [[pad_id] * (width - len(prompts[row])) + prompts[row] for row in rows]
        mask = [[0] * (width - len(prompts[row])) + [1] * len(prompts[row]) for row in rows]
        device = model.get_input_embeddings().weight.device
        with torch.inference_mode(), autocast(model):
            output = model.generate(
                input_ids=torch.tensor(padded, device=device),
                attention_mask=torch.tensor(mask, device=device),
                max_new_tokens=tokens,
                do_sample=False,
                eos_token_id=end_id,
                pad_token_id=pad_id,
                use_cache=True,
            )
        for row, ids in zip(rows, output[:, width:].tolist(), strict=True):
            results[row] = ids[: ids.index(end_id) + 1] if end_id in ids else ids
    return [results[row] for row in range(len(prompts))]


def by_cache(model: Any, prompts: Ids, size: int, tokens: int, end_id: int | None) -> Ids:
    """Return new ids by `CachedDecoder`, in batches of similar length."""
    order = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
    results: dict[int, list[int]] = {}
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        batch = CachedDecoder(model).greedy([prompts[row] for row in rows], tokens, -1 if end_id is None else end_id)
        results.update(zip(rows, batch, strict=True))
    return [results[row] for row in range(len(prompts))]


def timed(run: Callable[[], Ids]) -> tuple[float, Ids]:
    """Return seconds and result."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    result = run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, result


def on_cpu(adapter: str) -> dict[str, Any]:
    """Compare on the sample dialogues."""
    from src.commands.model import load_for_use
    from src.data.sources import load_dialogues

    loaded = load_for_use(None, adapter, [], create_console(stderr=True))
    rows = load_dialogues("sample:en/dev.csv", loaded.config.data).rows
    prompts = loaded.prompt.encode_prompts([row.dialogue for row in rows])
    model, end_id, pad_id = loaded.model.eval(), loaded.prompt.end_id, loaded.tokenizer.pad_token_id
    tokens = loaded.prompt.decoder_max_len
    theirs = {
        size: timed(lambda size=size: by_generate(model, prompts, size, tokens, end_id, pad_id)) for size in (5, 10, 20)
    }
    ours = timed(lambda: by_cache(model, prompts, 20, tokens, end_id))
    best = min(seconds for seconds, _ in theirs.values())
    return {
        "summaries": len(prompts),
        "new_tokens": sum(map(len, ours[1])),
        "seconds": round(ours[0], 2),
        "generate_seconds": {size: round(seconds, 2) for size, (seconds, _) in theirs.items()},
        "times_the_best": round(best / ours[0], 2),
        "equal_ids": sum(mine == other for mine, other in zip(ours[1], theirs[20][1], strict=True)),
    }


def on_gpu(examples: Path, merged: bool) -> dict[str, Any]:
    """Compare on Llama-3.2-3B's shape."""
    from peft import LoraConfig, get_peft_model
    from random_checkpoint import random_model

    model = random_model("llama_3.2_3b")
    if not merged:
        projections = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules=projections))
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.01)
    model.eval()
    pool = json.loads(examples.read_text(encoding="utf-8"))
    prompts = [example["input_ids"][: example["prompt_len"]] for example in pool]
    longest = sorted(prompts, key=len)[-499:]  # so that the mean is near 300
    by_cache(model, longest[:4], 4, 12, None)  # compiles the kernels
    ours = {size: timed(lambda size=size: by_cache(model, longest, size, 100, None)) for size in (128, 250, 499)}
    print({size: round(seconds, 2) for size, (seconds, _) in ours.items()}, file=sys.stderr, flush=True)
    theirs = {}
    for size in (64, 128, 250):
        try:
            theirs[size] = timed(lambda size=size: by_generate(model, longest, size, 100, None, 0))
        except torch.OutOfMemoryError:  # casting to the adapter's float32 takes twice the memory of the activations
            torch.cuda.empty_cache()
        print(f"generate {size}: {theirs.get(size, ('out of memory',))[0]}", file=sys.stderr, flush=True)
    few = longest[::8]  # batches of 16 take minutes
    by_16 = timed(lambda: by_generate(model, few, 16, 100, None, 0))[0] / len(few) * len(longest)
    best, best_ours = (min(seconds for seconds, _ in runs.values()) for runs in (theirs, ours))
    return {
        "merged": merged,
        "prompts": len(longest),
        "mean_prompt": round(sum(map(len, longest)) / len(longest), 1),
        "seconds": {size: round(seconds, 2) for size, (seconds, _) in ours.items()},
        "generate_seconds": {16: round(by_16, 2), **{size: round(seconds, 2) for size, (seconds, _) in theirs.items()}},
        "times_the_best": round(best / best_ours, 2),
        "times_batch_16": round(by_16 / best_ours, 2),
        "below_highest_logit": below_highest(model, longest[-32:], ours[128][1][-32:], theirs[64][1][-32:]),
        "device": torch.cuda.get_device_name(),
    }


def below_highest(model: Any, prompts: Ids, *answers: Ids) -> dict[str, dict[str, float]]:
    """Return, for ours and for `generate`'s ids, how far chosen logits lie below the highest, in one forward each."""
    result = {}
    for name, chosen in zip(("ours", "generate"), answers, strict=True):
        gaps: list[torch.Tensor] = []
        for prompt, ids in zip(prompts, chosen, strict=True):
            with torch.inference_mode(), autocast(model):
                given = torch.tensor([prompt + ids], device="cuda")
                logits = model(input_ids=given, use_cache=False).logits[0, len(prompt) - 1 : -1].float()
            gaps.append(logits.max(dim=-1).values - logits.gather(1, torch.tensor(ids, device="cuda")[:, None])[:, 0])
        gap = torch.cat(gaps)
        result[name] = {
            "mean": round(gap.mean().item(), 5),
            "max": round(gap.max().item(), 4),
            "highest_share": round((gap == 0).float().mean().item(), 4),
        }
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("where", choices=["cpu", "gpu"])
    parser.add_argument("--adapter", default="outputs/quickstart/final_model")
    parser.add_argument("--examples", type=Path)
    parser.add_argument("--merged", action="store_true")
    given = parser.parse_args(arguments)
    quiet_libraries()
    figures = on_cpu(given.adapter) if given.where == "cpu" else on_gpu(given.examples, given.merged)
    print(json.dumps({"benchmark": "generation_speed", "where": given.where, **figures}))


if __name__ == "__main__":
    main()
