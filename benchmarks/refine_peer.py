"""Time a step of refining against the same work by TRL's GRPOTrainer, one after the other. One JSON line.

    python benchmarks/refine_peer.py smollm2_135m --dialogues 128 --samples 8 --out benchmarks/results/refine.jsonl
    python benchmarks/refine_peer.py tiny --dialogues 2 --samples 2      # on a CPU

The same for both: random weights in the model's exact shape with adapters of rank 16 in bf16, prompts of the same ids,
`--new` tokens a summary at temperature 1, the reward by our scorer in its worker processes, one update a step by fused
AdamW, no distance from the start. TRL (1.16.0; its needs beside torch, transformers and peft: datasets 4.8.5,
multiprocess 0.70.19, dill 0.4.1) is given what makes it fastest: all weights in bf16 without autocast, activations
kept, as many summaries at a time as fit (`--peer-rows`, halved while memory runs out), and both ways of generating
that it has without vLLM, of which the faster one counts. Each side has a process of its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

GENERATION = ("cache", "continuous")
_NO_ROOM = "out of memory"


def main() -> None:
    """Measure both sides, print the line."""
    from refine_step import add_work, device_name, examples_of, step_figures
    from result_line import measured_at, print_line

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_work(parser)
    parser.add_argument("--rows", type=int, default=1024, help="summaries that we draw at a time")
    parser.add_argument("--tokens", type=int, default=8192, help="of a micro-batch of our update")
    parser.add_argument("--peer-rows", type=int, default=64, help="summaries in a micro-batch of TRL's update")
    parser.add_argument("--generation", nargs="+", choices=GENERATION, default=GENERATION, help="TRL's ways to try")
    parser.add_argument("--side-seconds", type=float, default=300, help="after which a side is given up")
    parser.add_argument("--out", type=Path, help="file that the line is added to")
    parser.add_argument("--side", choices=["ours", *GENERATION], help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.nf4, given.recompute, given.planned = False, False, None
    if given.side:
        work = examples_of(given)
        print(json.dumps(step_figures(given, work) if given.side == "ours" else peer_figures(given, work)))
        return
    ours = measured("ours", given.peer_rows, given.side_seconds)
    peers = {way: fitted(way, given.peer_rows, given.samples, given.side_seconds) for way in given.generation}
    fastest = min((one["seconds"] for one in peers.values() if "seconds" in one), default=None)
    ratio = round(fastest / ours["seconds"], 2) if fastest and "seconds" in ours else None
    sizes = {name: getattr(given, name) for name in ("shape", "dialogues", "samples", "new")}
    line = {"part": "refine_peer", **sizes, "ours": ours, "trl": peers, "times_slower": ratio}
    print_line(line | measured_at() | {"device": device_name()}, given.out)


def measured(side: str, rows: int, seconds: float) -> dict[str, Any]:
    """Return a side's figures from a process of its own, or what went wrong there."""
    command = [sys.executable, __file__, *sys.argv[1:], "--side", side, "--peer-rows", str(rows)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {seconds:g} seconds"}
    if ended.returncode == 0:
        found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return found
    sys.stderr.write(ended.stderr)
    if _NO_ROOM in ended.stderr.lower():
        return {"error": _NO_ROOM}
    return {"error": (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1][:300]}


def fitted(way: str, rows: int, least: int, seconds: float) -> dict[str, Any]:
    """Return TRL's figures with as many summaries at a time as fit."""
    figures = measured(way, rows, seconds)
    while _NO_ROOM in figures.get("error", "") and rows > least:
        rows //= 2
        figures = measured(way, rows, seconds)
    return {"rows": rows, **figures}


def peer_figures(given: argparse.Namespace, work: list[Any]) -> dict[str, Any]:
    """Return the medians of TRL's three steps after one, and the peak of the memory."""
    import torch
    import trl
    from datasets import Dataset
    from refine_step import RULE, adapted_model, medians, summary_of
    from transformers import TrainerCallback

    from src.training.refine.reward import Drawn, Rewarder

    steps: list[dict[str, float]] = []

    class Steps(TrainerCallback):
        """Notes when each step begins and ends."""

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            steps.append({"began": now()})

        def on_step_end(self, *_: Any, **__: Any) -> None:
            steps[-1]["seconds"] = now() - steps[-1]["began"]

    def now() -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()

    with Rewarder(RULE) as rewarder, tempfile.TemporaryDirectory() as folder:

        def rouge(completion_ids: list[list[int]], dialogue: list[str], reference: list[str], **_: Any) -> list[float]:
            began = now()
            if lengths := {len(ids) for ids in completion_ids} - {given.new}:
                raise SystemExit(f"summaries of {lengths} tokens instead of {given.new}")
            each = given.samples
            drawn = [
                Drawn(
                    dialogue[first],
                    (reference[first],),
                    tuple(summary_of(ids) for ids in completion_ids[first : first + each]),
                    (True,) * each,
                )
                for first in range(0, len(completion_ids), each)
            ]
            rewards = [one.total for its in rewarder(drawn) for one in its]
            steps[-1] |= {"drawing_seconds": began - steps[-1]["began"], "reward_seconds": now() - began}
            return rewards

        model = adapted_model(given.shape)
        model.config.eos_token_id = model.generation_config.eos_token_id = model.config.vocab_size
        every = given.dialogues * given.samples
        rows = min(given.peer_rows, every)
        options = trl.GRPOConfig(
            folder,
            per_device_train_batch_size=rows,
            gradient_accumulation_steps=every // rows,
            num_generations=given.samples,
            max_completion_length=given.new,
            use_transformers_continuous_batching=given.side == "continuous",
            temperature=1.0,
            beta=0.0,
            loss_type="dr_grpo",
            bf16=False,
            gradient_checkpointing=False,
            optim="adamw_torch_fused" if torch.cuda.is_available() else "adamw_torch",
            learning_rate=2e-4,
            max_grad_norm=1.0,
            max_steps=4,
            use_cpu=not torch.cuda.is_available(),
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        columns = {
            "prompt": [" ".join(f"w{token}" for token in one.prompt) for one in work],
            "dialogue": [one.dialogue for one in work],
            "reference": [one.reference for one in work],
        }
        trl.GRPOTrainer(
            model,
            rouge,
            options,
            Dataset.from_dict(columns),
            processing_class=word_tokenizer(model.config.vocab_size),
            callbacks=[Steps()],
        ).train()
    return {"trl": trl.__version__, **medians(steps[1:])}


def word_tokenizer(vocabulary: int) -> Any:
    """Return a tokenizer of which the word "w7" is the id 7, with an end that is never drawn."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    ids = {f"w{token}": token for token in range(vocabulary)} | {"end": vocabulary}
    words = Tokenizer(models.WordLevel(ids, unk_token="end"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, eos_token="end", pad_token="w0", padding_side="left")


if __name__ == "__main__":
    main()
