"""Generation against transformers' `generate`, in one run and on the same prompts. One JSON line. Beams: beam_speed.py.

    python benchmarks/generation_speed.py cpu [--adapter outputs/quickstart/final_model]
    python benchmarks/generation_speed.py gpu [--merged] [--examples FILE] [--seconds 100]
    python benchmarks/generation_speed.py gpu --shape tiny        # a try, on a CPU too
    python benchmarks/generation_speed.py mbr --shape smollm2_135m --samples 16

cpu: the bundled model with an adapter on the 20 sample dialogues; ids must be equal.

gpu: Llama-3.2-3B's shape with random weights (and, unless merged, a random adapter in bf16), 499 prompts and 100 new
tokens each. FILE holds token ids (`input_ids`, `prompt_len`); without it prompts are random ids of mean length 300. We
generate for all prompts. `generate` (SDPA, bf16, its growing cache) does two batches a size, of middle lengths, since
its small batches take minutes for all, and starts no batch after so many seconds; rates are summaries/s. Ids of random
weights part at the first rounding, so logits are compared under teacher forcing: ours, step by step to our cache, and
transformers' of a padded batch, each against transformers' of one prompt at a time.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from random_checkpoint import random_model, random_prompts, with_random_adapter

from src.commands.console import create_console, quiet_libraries
from src.config.schema import GenerationSettings
from src.decoder.cached_decoder import CachedDecoder
from src.decoder.generation import generate
from src.decoder.picking import row_seed
from src.decoder.row_batch import RowBatch
from src.inference.generator import autocast

Ids = list[list[int]]
TOKENS = 100


def by_generate(
    model: Any, prompts: Ids, size: int, tokens: int, end_id: int | None, pad_id: int, beams: int = 1
) -> Ids:
    """Return new ids by transformers, in batches of similar length."""
    order = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
    mixed = len({parameter.dtype for parameter in model.parameters()}) > 1  # autocast costs time where nothing is cast
    results: dict[int, list[int]] = {}
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        width = max(len(prompts[row]) for row in rows)
        padded = [[pad_id] * (width - len(prompts[row])) + prompts[row] for row in rows]
        mask = [[0] * (width - len(prompts[row])) + [1] * len(prompts[row]) for row in rows]
        device = model.get_input_embeddings().weight.device
        with torch.inference_mode(), autocast(model) if mixed else nullcontext():
            output = model.generate(
                input_ids=torch.tensor(padded, device=device),
                attention_mask=torch.tensor(mask, device=device),
                max_new_tokens=tokens,
                do_sample=False,
                num_beams=beams,
                eos_token_id=end_id,
                pad_token_id=pad_id,
                use_cache=True,
            )
        for row, ids in zip(rows, output[:, width:].tolist(), strict=True):
            results[row] = ids[: ids.index(end_id) + 1] if end_id in ids else ids
    return [results[row] for row in range(len(prompts))]


def by_cache(
    model: Any, prompts: Ids, size: int, tokens: int, end_id: int | None, settings: GenerationSettings | None = None
) -> Ids:
    """Return new ids by the cached decoder, `size` rows at a time."""
    settings = settings or GenerationSettings()
    order = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
    seeds = [row_seed(settings.seed, row, prompts[row]) for row in order] if settings.do_sample else ()
    ends = [-1 if end_id is None else end_id]
    some = [prompts[row] for row in order]
    parts = generate(CachedDecoder(model), some, settings, max_new_tokens=tokens, end_ids=ends, seeds=seeds, rows=size)
    results = {order[number]: ids for part in parts for number, ids in part}
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
    from src.data.files.sources import load_dialogues

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
    # The same number of tokens for both: none ends.
    ways = [GenerationSettings(), GenerationSettings(do_sample=True)]
    fixed = [
        min(timed(lambda way=way: by_cache(model, prompts, 16, 40, None, way))[0] for _ in range(2)) for way in ways
    ]
    return {
        "sampling_over_greedy_seconds": round(fixed[1] / fixed[0], 3),
        "summaries": len(prompts),
        "new_tokens": sum(map(len, ours[1])),
        "seconds": round(ours[0], 2),
        "generate_seconds": {size: round(seconds, 2) for size, (seconds, _) in theirs.items()},
        "times_the_best": round(best / ours[0], 2),
        "equal_ids": sum(mine == other for mine, other in zip(ours[1], theirs[20][1], strict=True)),
    }


def on_gpu(shape: str, examples: Path | None, merged: bool, seconds: float) -> dict[str, Any]:
    """Compare on a model of random weights."""
    model = random_model(shape).eval()
    if not merged:
        model = with_random_adapter(model)
    prompts = read_prompts(examples) if examples else random_prompts(model.config.vocab_size)
    by_cache(model, prompts[:4], 4, 12, None)  # compiles the kernels
    ours: dict[int, float] = {}
    for size in (128, 250, 499):
        taken, answers = timed(lambda size=size: by_cache(model, prompts, size, TOKENS, None))
        ours[size] = len(prompts) / taken
        say(f"ours, batches of {size}: {ours[size]:.1f} summaries/s ({taken:.1f} s for {len(prompts)})")
    theirs = generate_rates(model, prompts, seconds)
    best, best_ours = max(theirs.values(), default=0.0), max(ours.values())
    return {
        "shape": shape,
        "merged": merged,
        "prompts": len(prompts),
        "mean_prompt": round(sum(map(len, prompts)) / len(prompts), 1),
        "new_tokens": TOKENS,
        "summaries_s": {size: round(rate, 2) for size, rate in ours.items()},
        "generate_summaries_s": {size: round(rate, 2) for size, rate in theirs.items()},
        "times_the_best": round(best_ours / best, 2) if best else None,
        "times_batch_16": round(best_ours / theirs[16], 2) if 16 in theirs else None,
        "logits": compare_logits(model, prompts[:8], answers[:8]),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def mbr(shape: str, samples: int) -> dict[str, Any]:
    """Time the samples and the choice for 499 prompts; random weights don't end, so each sample has 40 tokens.

    Those of DialogSum's summaries have 30 to 40.
    """
    from src.inference.mbr import choose_by_mbr

    model = with_random_adapter(random_model(shape).eval())
    prompts = random_prompts(model.config.vocab_size)
    settings = GenerationSettings(do_sample=True, temperature=0.7)
    group = [ids for ids in prompts for _ in range(samples)]
    by_cache(model, group[: 2 * samples], 2 * samples, 12, None, settings)  # compiles the kernels
    seconds = {rows: timed(lambda rows=rows: by_cache(model, group, rows, 40, None, settings)) for rows in (256, 1024)}
    # Words as common as those of a summary, so that candidates share some.
    texts = [" ".join(f"w{token % 50}" for token in ids[:25]) for ids in seconds[1024][1]]
    candidates = [texts[first : first + samples] for first in range(0, len(texts), samples)]
    start = time.perf_counter()
    choose_by_mbr(candidates)
    choosing = time.perf_counter() - start
    return {
        "shape": shape,
        "dialogues": len(prompts),
        "samples": samples,
        "sampling_seconds": {rows: round(taken, 2) for rows, (taken, _) in seconds.items()},
        "choosing_seconds": round(choosing, 2),
        "seconds": round(seconds[1024][0] + choosing, 2),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def generate_rates(model: Any, prompts: Ids, seconds: float) -> dict[int, float]:
    """Return summaries/s of `generate` by batch size, as far as the seconds go."""
    order = sorted(prompts, key=len, reverse=True)
    rates: dict[int, float] = {}
    by_generate(model, order[-4:], 4, 4, None, 0)  # what is slow the first time only
    end = time.perf_counter() + seconds
    for size in (128, 16, 64, 250):
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        third = len(batches) // 3
        chosen = batches if len(batches) < 3 else [batches[third], batches[-1 - third]]
        done, taken = 0, 0.0
        for batch in chosen:
            if time.perf_counter() > end:
                say(f"generate, batches of {size}: no time left")
                break
            try:
                taken += timed(lambda batch=batch: by_generate(model, batch, len(batch), TOKENS, None, 0))[0]
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                say(f"generate, batches of {size}: out of memory")
                break
            done += len(batch)
            rates[size] = done / taken
            say(f"generate, batches of {size}: {rates[size]:.1f} summaries/s ({taken:.1f} s for {done})")
    return rates


def read_prompts(examples: Path) -> Ids:
    """Return the longest 499 of a file's prompts, whose mean is near 300."""
    pool = json.loads(examples.read_text(encoding="utf-8"))
    return sorted((example["input_ids"][: example["prompt_len"]] for example in pool), key=len)[-499:]


@torch.inference_mode()
def compare_logits(model: Any, prompts: Ids, answers: Ids) -> dict[str, dict[str, float]]:
    """Return how far logits of the answers' tokens lie from those of one forward a prompt: ours, and a padded batch's.

    `same_highest` is the share of places with the same most likely token.
    """
    device, new = model.get_input_embeddings().weight.device, len(answers[0])

    def forward(rows: Ids) -> torch.Tensor:
        width = max(map(len, rows))
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device)
        ids = torch.tensor([[0] * (width - len(row)) + row for row in rows], device=device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        given = {"input_ids": ids, "attention_mask": mask, "position_ids": positions, "use_cache": False}
        logits: torch.Tensor = model(**given, logits_to_keep=new + 1).logits[:, :-1]
        return logits.float().cpu()

    whole = [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]
    single = torch.cat([forward([row]) for row in whole])
    slots = RowBatch(CachedDecoder(model))
    steps = [slots.add(prompts).float().cpu()]
    steps += [slots.step([answer[place] for answer in answers]).float().cpu() for place in range(new - 1)]
    result = {"spread": {"deviation": round(single.std().item(), 4)}}
    for name, found in (("ours", torch.stack(steps, dim=1)), ("padded_batch", forward(whole))):
        gap = (found - single).abs()
        result[name] = {
            "mean_difference": round(gap.mean().item(), 5),
            "max_difference": round(gap.max().item(), 4),
            "same_highest": round((found.argmax(-1) == single.argmax(-1)).float().mean().item(), 4),
        }
    return result


def say(line: str) -> None:
    """Print a line while the benchmark goes on."""
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("where", choices=["cpu", "gpu", "mbr"])
    parser.add_argument("--adapter", default="outputs/quickstart/final_model")
    parser.add_argument("--shape", default="llama_3.2_3b", help="as in random_checkpoint.py")
    parser.add_argument("--examples", type=Path)
    parser.add_argument("--seconds", type=float, default=100)
    parser.add_argument("--merged", action="store_true")
    parser.add_argument("--samples", type=int, default=16)
    given = parser.parse_args(arguments)
    quiet_libraries()
    ways: dict[str, Callable[[], dict[str, Any]]] = {
        "cpu": lambda: on_cpu(given.adapter),
        "gpu": lambda: on_gpu(given.shape, given.examples, given.merged, given.seconds),
        "mbr": lambda: mbr(given.shape, given.samples),
    }
    figures = ways[given.where]()
    print(json.dumps({"benchmark": "generation_speed", "where": given.where, **figures}))


if __name__ == "__main__":
    main()
