"""Beam search against transformers' `generate`, and greedy decoding beside it, in one run. One JSON line.

    python benchmarks/beam_speed.py sample [--adapter FOLDER] [--prompts 4]
    python benchmarks/beam_speed.py random --shape smollm2_135m [--prompts 64] [--tokens 40]

sample: the bundled model, or that of an adapter, in float32 on sample dialogues; ids must be equal.

random: random weights in bf16 on random prompts of mean length 300, on the GPU where there is one. None ends, so both
make the same number of tokens; ids part at the first rounding. On a GPU transformers does the `--theirs` middle ones.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from generation_speed import Ids, by_cache, by_generate, say, timed
from random_checkpoint import random_model, random_prompts

from src.commands.console import create_console, quiet_libraries
from src.commands.model import load_for_use
from src.config.schema import GenerationSettings
from src.data.files.sources import load_dialogues


def compared(
    model: Any, prompts: Ids, theirs: Ids, sizes: list[int], tokens: int, end_id: int | None, pad_id: int, beams: int
) -> dict[str, Any]:
    """Return seconds a prompt: ours of all prompts, transformers' of `theirs` at its best of the batch sizes."""
    searched, settings = max(sizes), GenerationSettings(num_beams=beams)
    by_cache(model, prompts[:2], 2, 12, end_id, settings)  # compiles the kernels
    by_cache(model, prompts[:2], 2, 12, end_id)
    greedy, _ = timed(lambda: by_cache(model, prompts, searched, tokens, end_id))
    say(f"greedy: {greedy:.2f} s for {len(prompts)}")
    ours, ids = timed(lambda: by_cache(model, prompts, searched, tokens, end_id, settings))
    say(f"{beams} beams: {ours:.2f} s")
    by_generate(model, theirs[:1], 1, 2, end_id, pad_id, beams)  # what is slow the first time only
    seconds, found = {}, []
    for size in sizes:
        taken, found = timed(lambda size=size: by_generate(model, theirs, size, tokens, end_id, pad_id, beams))
        seconds[size] = round(taken / len(theirs), 4)
        say(f"generate, batches of {size}: {taken:.2f} s for {len(theirs)}")
    place = prompts.index(theirs[0])
    return {
        "beams": beams,
        "prompts": len(prompts),
        "new_tokens": sum(map(len, ids)),
        "greedy_seconds": round(greedy / len(prompts), 4),
        "seconds": round(ours / len(prompts), 4),
        "generate_seconds": seconds,
        "times_the_best": round(min(seconds.values()) / (ours / len(prompts)), 2),
        "equal_ids": sum(mine == other for mine, other in zip(ids[place:], found, strict=False)),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def of_sample(adapter: str | None, count: int, beams: int) -> dict[str, Any]:
    """Compare on sample dialogues."""
    settings = ["model.dtype=fp32"]
    settings += [] if adapter else ["lora.use_lora=false", "lora.use_qlora=false"]
    loaded = load_for_use(None if adapter else "smollm2_135m", adapter, settings, create_console(stderr=True))
    rows = load_dialogues("sample:en/dev.csv", loaded.config.data).rows[:count]
    prompts = loaded.prompt.encode_prompts([row.dialogue for row in rows])
    sizes = sorted({min(4, len(prompts)), min(16, len(prompts))})
    model, end_id, pad_id = loaded.model.eval(), loaded.prompt.end_id, loaded.tokenizer.pad_token_id
    return compared(model, prompts, prompts, sizes, loaded.prompt.decoder_max_len, end_id, pad_id, beams)


def of_random(shape: str, count: int, theirs: int, tokens: int, beams: int) -> dict[str, Any]:
    """Compare on a model of random weights."""
    model = random_model(shape).eval()
    prompts = sorted(random_prompts(model.config.vocab_size)[:count], key=len)
    first = max(0, (len(prompts) - theirs) // 2)
    sizes = [64, 256] if torch.cuda.is_available() else [16]
    some = prompts[first : first + theirs]
    return {"shape": shape, **compared(model, prompts, some, sizes, tokens, None, 0, beams)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("where", choices=["sample", "random"])
    parser.add_argument("--adapter")
    parser.add_argument("--shape", default="smollm2_135m", help="as in random_checkpoint.py")
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--theirs", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=40)
    parser.add_argument("--beams", type=int, default=4)
    given = parser.parse_args()
    quiet_libraries()
    if given.where == "sample":
        figures = of_sample(given.adapter, given.prompts, given.beams)
    else:
        figures = of_random(given.shape, given.prompts, given.theirs, given.tokens, given.beams)
    print(json.dumps({"benchmark": "beam_speed", "where": given.where, **figures}))


if __name__ == "__main__":
    main()
