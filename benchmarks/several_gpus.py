"""Training speed and memory on several GPUs of one machine, with random weights, beside what the planner says.

    python benchmarks/several_gpus.py llama3_3b --examples FILE [--cards 4] [--variants one weak strong cut full]
        [--steps N --warm-up N] [--limit SECONDS] [--budget 24] [--per-card 64] [--out FILE]
    python benchmarks/several_gpus.py tiny --cards 2 --steps 2 --warm-up 1     # tries it with processes on the CPU

- `one`, `weak`, `strong`: SHAPE as train_throughput.py has it, in NF4. One card trains with 64 examples a step; so many
  cards with 64 examples each (`weak`) and with 64 in all (`strong`). The whole card.
- `cut`: Llama-3-70B's shape in NF4, its layers cut over the cards (`training.sharding=weights`), within 24 GB a card.
  16 examples a step, each of 2,048 tokens of which 307 are targets, as dialogues have.
- `full`: Llama-3-8B's shape in bf16, all weights train, cut by FSDP2; 64 examples a step, 8 at a time.

FILE as train_throughput.py has it (without it: random ids of dialogues' lengths); what its examples begin with alike is
computed once a micro-batch (until commit 86e8ea8 it was for each). NF4 has double quantization, with
r 16 on seven projections. Rates are means over whole steps after warm-up: wall time with packing, transfer, all-reduce,
clipping and optimizer. Peaks are the training's by the allocator, on the fullest card. A JSON line a variant: `plan` is
what the planner chooses on its own, `planned_peak_gb` and `planned_step_s` are of micro-batches as the run had them. A
variant that takes longer than its limit is ended, with where it stood; after an error the others go on. `waits_ms` of
`cut` are a step's, of the GPU: for layers that are gathered, and for their inputs, which wait in the host's memory.
"""

import argparse
import faulthandler
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

POOL, CUT_TOKENS, CUT_TARGETS = 2560, 2048, 307
USUAL = {"one": (12, 20, 150), "weak": (12, 20, 150), "strong": (12, 20, 150), "cut": (2, 6, 280), "full": (3, 10, 200)}
"""Steps of warm-up, steps that are counted, and the limit in seconds."""
OWN_SHAPES = {"cut": ("llama_3_70b", 16), "full": ("llama_3_8b", 64)}
"""The shape of a variant, and its examples a step."""
_LINES, _LETTERS = 8, 1500  # of an error


def examples_of(given: dict[str, Any], count: int, vocabulary: int) -> Any:
    """Return `count` examples: of one length, of a file, shuffled again and again, or random ones."""
    import torch
    import train_throughput
    from random_checkpoint import random_prompts

    class Items(train_throughput.Items):
        """Examples that know their prompts' lengths, as the product's data sets do."""

        @property
        def prompt_lengths(self) -> list[int]:
            """Return tokens before the first target of each."""
            return [int((item["labels"] == -100).sum()) for item in self]

    source, path = random.Random(1), given["file"]
    if given["variant"] == "cut":
        tokens, targets = (256, 38) if given["shape"].startswith("tiny") else (CUT_TOKENS, CUT_TARGETS)
        pool = [
            {"input_ids": source.choices(range(vocabulary), k=tokens), "prompt_len": tokens - targets}
            for _ in range(count)
        ]
    elif path:
        pool = json.loads(Path(path).read_text(encoding="utf-8"))
    else:
        more = [source.randrange(20, 90) for _ in range(499)]
        pool = [
            {"input_ids": ids + [source.randrange(vocabulary) for _ in range(some)], "prompt_len": len(ids)}
            for ids, some in zip(random_prompts(vocabulary), more, strict=True)
        ]
    chosen, items = random.Random(0), Items()
    while len(items) < count:
        for example in chosen.sample(pool, len(pool)):
            ids = torch.tensor(example["input_ids"])
            labels = ids.clone()
            labels[: example["prompt_len"]] = -100
            items.append({"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels})
    items = Items(items[:count])
    items.common_tokens = train_throughput.common_beginning(pool)  # computed once a micro-batch, as in the product
    return items


def settings_of(given: dict[str, Any]) -> list[str]:
    """Return a variant's settings besides those of `train_throughput.trainer_for`."""
    examples, variant = given["examples_a_step"], given["variant"]
    at_a_time = min(8, examples) if variant == "full" else examples
    settings = [
        f"training.batch_size={at_a_time}",
        f"training.gradient_accumulation_steps={examples // at_a_time}",
        "training.logging_steps=8",
        "training.save_minutes=null",
        "tokenizer.encoder_max_len=4096",  # by which the planner cuts
        "evaluation.generate=false",
        "lora.dropout=0.0",
    ]
    if variant in OWN_SHAPES:
        settings.append("training.sharding=weights")
    if variant == "cut" and given["budget_gb"]:
        settings.append(f"training.memory_budget_gb={given['budget_gb']}")
    if variant == "full":
        settings += ["lora.use_lora=false", "lora.use_qlora=false"]
        settings += ["training.engine=auto", "training.optim=adamw_torch"]
    if given["shape"].startswith("tiny"):
        settings += ["model.dtype=fp32", "training.micro_batch_tokens=1024"]
    return settings


def measure(given: dict[str, Any]) -> dict[str, Any]:
    """Train as this rank of so many; return rank 0's figures of the steps after warm-up."""
    import several_models
    import torch
    import train_throughput
    from random_checkpoint import SHAPES
    from transformers import TrainerCallback

    from src.config import load_config
    from src.models.probe import found_by_probes

    class Clock(TrainerCallback):
        """When training began to be timed and ended, with the GPU's work done."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step in (warm_up, warm_up + steps):
                if torch.cuda.is_available():
                    torch.cuda.synchronize()
                times.append(time.perf_counter())
                if waits is not None and state.global_step == warm_up:
                    waits.clear()
                tokens.append(int(trainer.trainer.trained_tokens))

    begin = time.perf_counter()
    shape, examples, variant = given["shape"], given["examples_a_step"], given["variant"]
    warm_up, steps = given["warm_up"], given["steps"]
    vocabulary = SHAPES[train_throughput.SHAPES.get(shape, shape)]["vocab_size"]
    count = examples * (warm_up + steps) if variant == "cut" else max(POOL, examples * 8)
    items = examples_of(given, count, vocabulary)
    times: list[float] = []
    tokens: list[int] = []
    settings = settings_of(given)
    with tempfile.TemporaryDirectory() as folder:
        model = several_models.model_of(variant, shape, load_config("llama_3.2_3b", settings))
        built = time.perf_counter() - begin
        probes = several_models.probes_taken_as_agreeing(model) if variant == "cut" else None
        arguments = Path(folder), warm_up + steps, 0, 0.0, "compute"
        trainer = train_throughput.trainer_for(model, items, *arguments, *settings)
        waits = several_models.waits_of(trainer.trainer) if variant == "cut" else None
        trainer.trainer.add_callback(Clock())
        ready = time.perf_counter() - begin
        results = trainer.train()
    seconds, run_plan = times[1] - times[0], results["memory_plan"] or {}
    figures = {
        "samples_s": round(examples * steps / seconds, 1),
        "tokens_s": round((tokens[1] - tokens[0]) / seconds),
        "step_s": round(seconds / steps, 4),
        "micro_batch_tokens": run_plan.get("micro_batch_tokens"),
        "kept_layers": run_plan.get("kept_layers"),
        "peak_gb": round(results["peak_memory_bytes"] / 1e9, 2),
        "loss": round(results["train_loss"], 4),
        "built_s": round(built, 1),
        "ready_s": round(ready, 1),
        "probes": probes or found_by_probes(model),
    }
    if waits is not None:
        figures["waits_ms"] = {name: round(sum_ms / steps, 1) for name, sum_ms in waits.milliseconds().items()}
    try:
        figures |= several_models.planned(trainer.config, model, items, run_plan)
        figures["memory_error"] = round(figures["planned_peak_gb"] / figures["peak_gb"] - 1, 3)
        figures["time_error"] = round(figures["planned_step_s"] / figures["step_s"] - 1, 3)
    except Exception as error:  # what was measured is not to be lost for it
        figures["plan_error"] = f"{type(error).__name__}: {error}"[:_LETTERS]
    return figures


def run_rank(given: dict[str, Any]) -> None:
    """Measure as one process, alone or with others; rank 0 writes the figures."""
    folder = Path(given["result"]).parent
    where = (folder / f"stood{os.environ.get('RANK', '0')}.txt").open("w", encoding="utf-8")
    faulthandler.dump_traceback_later(given["limit_s"], exit=True, file=where)  # also while NCCL waits
    from src.models.gpu_memory import ask_for_growing_segments

    ask_for_growing_segments()  # before torch reads it
    from src.ranks.group import is_first_rank
    from src.ranks.joining import one_of_several
    from src.ranks.place import place_of
    from src.training.guards.one_process import leave_out_launchers

    def work() -> None:
        leave_out_launchers()
        found = measure(given)
        if is_first_rank():
            Path(given["result"]).write_text(json.dumps(found), encoding="utf-8")

    place = place_of()
    if place is None:
        work()
    else:
        with one_of_several(place, 5, show_traceback=True):
            work()
    faulthandler.cancel_dump_traceback_later()


def run_variant(given: dict[str, Any], cards: int) -> dict[str, Any]:
    """Train on so many cards in processes of their own; return the figures, or the error."""
    from src.ranks.launcher import Launcher

    with tempfile.TemporaryDirectory() as folder:
        result, errors = Path(folder) / "result.json", Path(folder) / "errors.txt"
        command = [sys.executable, __file__, "--rank", json.dumps(given | {"result": str(result)})]
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        names = visible.split(",") if visible else [str(card) for card in range(cards)]
        if cards == 1:
            environment = os.environ | {"CUDA_VISIBLE_DEVICES": names[0]}
            with errors.open("wb") as file:
                code = subprocess.run(command, env=environment, stderr=file, check=False).returncode
            failure, said = None, errors.read_text(encoding="utf-8", errors="replace")
        else:
            code, failure = Launcher(command, cards, names[:cards]).run()
            said = failure.sentence() + "\n" + failure.trace if failure else ""
        if not code and result.exists():
            return dict(json.loads(result.read_text(encoding="utf-8")))
        stood = {file.stem: file.read_text(encoding="utf-8") for file in sorted(Path(folder).glob("stood*.txt"))}
        stood = {rank: text for rank, text in stood.items() if text}
        if stood:  # the main thread comes last, its newest call first
            places = {rank: text.split("\n\n")[-1].strip().splitlines()[1:_LINES] for rank, text in stood.items()}
            return {"error": f"over {given['limit_s']} s", "stood": places}
        last = said.strip().splitlines()
        lines = [*last[:1], *last[1:][-_LINES:]] if failure else last[-_LINES:]
        return {"error": "\n".join(lines)[-_LETTERS:] or f"exit code {code}"}


def lines_of(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Return what each variant is, `one` first, by which the others are measured."""
    counts = {"one": lambda cards: given.per_card, "strong": lambda cards: given.per_card}
    counts["weak"] = lambda cards: given.per_card * cards
    found = []
    for variant in sorted(given.variants, key=list(USUAL).index):
        for cards in [1] if variant == "one" else given.cards:
            shape, examples = OWN_SHAPES.get(variant, (given.shape, 0))
            if variant in OWN_SHAPES and given.shape == "tiny":
                shape = "tiny_untied"
            warm_up, steps, limit = USUAL[variant]
            found.append(
                {
                    "shape": shape,
                    "variant": variant,
                    "cards": cards,
                    "examples_a_step": examples or counts[variant](cards),
                    "warm_up": warm_up if given.warm_up is None else given.warm_up,
                    "steps": given.steps or steps,
                    "limit_s": given.limit or limit,
                    "budget_gb": given.budget or None if variant == "cut" else None,
                }
            )
    return found


def main() -> None:
    """Measure the variants one after the other, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", nargs="?", choices=["llama3_3b", "llama3_8b", "qwen3_4b", "tiny"], default="llama3_3b")
    parser.add_argument("--variants", nargs="+", choices=list(USUAL), default=["one", "weak", "strong"])
    parser.add_argument("--examples", type=Path)
    parser.add_argument("--cards", type=int, nargs="+", default=[2])
    parser.add_argument("--per-card", type=int, default=64, help="examples of a step on one card")
    parser.add_argument("--steps", type=int, help="that are counted; by default each variant's own")
    parser.add_argument("--warm-up", type=int, help="steps before them, at least one")
    parser.add_argument("--budget", type=float, default=24, help="GB of a card for `cut`; 0 is the whole card")
    parser.add_argument("--limit", type=int, help="seconds of a variant")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rank", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.rank:
        run_rank(json.loads(given.rank))
        return
    if min(given.warm_up or 1, given.steps or 1, given.limit or 1) < 1 or given.warm_up == 0:
        parser.error("--warm-up, --steps and --limit begin at 1: the clock starts after a step")
    from result_line import measured_at, print_line

    base = 0.0
    for line in lines_of(given):
        start = time.perf_counter()
        line |= run_variant(line | {"file": str(given.examples) if given.examples else None}, line["cards"])
        line["seconds"] = round(time.perf_counter() - start, 1)
        base = base or (line.get("samples_s", 0.0) if line["variant"] == "one" else 0.0)
        alike = base and line["variant"] not in OWN_SHAPES
        line["ratio"] = round(line.get("samples_s", 0.0) / base, 3) if alike else None
        print_line(line | measured_at(), given.out)


if __name__ == "__main__":
    main()
