"""Predicted against measured memory and step time of many configurations on a GPU (random weights in exact shapes).

    python benchmarks/plan_accuracy.py measure [--only NAME...] [--seconds 420]   # on the GPU, appends measurements
    python benchmarks/plan_accuracy.py score                                     # writes the lines, prints a table
    python benchmarks/plan_accuracy.py fit                                       # prints constants for src/planner
    python benchmarks/plan_accuracy.py measure --tiny                            # tries the machinery on a CPU

`measure` trains each case of `plan_cases.py` through the product's trainer, each step on the same examples. The
allocator's peak and the times of the steps after warm-up, of which the median counts, go to
`benchmarks/results/plan_measured.jsonl`. `score` sets the planner's present figures beside them: a line each in
`benchmarks/results/plan_accuracy.jsonl`.
"""

import argparse
import gc
import itertools
import json
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from plan_cases import CASES, TINY_CASES, Case
from plan_models import prepared, random_model
from result_line import append_line, measured_at

RESULTS = Path(__file__).resolve().parent / "results"
MEASURED, ACCURACY = RESULTS / "plan_measured.jsonl", RESULTS / "plan_accuracy.jsonl"
WARM_UP, STEPS = 3, 4  # in the third step all passes run from the graphs that the first two captured


def measure_all(cases: list[Case], out: Path | None, seconds: float) -> None:
    """Measure each case, a model built once a shape; go on after one that fails; stop after so many seconds."""
    import torch

    begin = time.perf_counter()
    shapes, methods = list(dict.fromkeys(case.shape for case in cases)), ("full", "lora", "qlora")
    cases = sorted(cases, key=lambda case: (shapes.index(case.shape), methods.index(case.method)))
    built: tuple[str, Any] = ("", None)
    for case in cases:
        if time.perf_counter() - begin > seconds:
            print(f"{case.name}: left out, {seconds:.0f} s are over", flush=True)
            continue
        if built[0] != case.shape:
            built = ("", None)
            free_memory()
            built = (case.shape, random_model(case))
        start = time.perf_counter()
        try:
            line = {"case": case.line_name, **measure(case, built[1]), **measured_at()}
        except Exception as error:
            print(f"{case.name}: failed: {type(error).__name__}: {str(error).splitlines()[0][:200]}", flush=True)
            if "illegal memory access" in str(error):
                raise
            error.__traceback__ = None
            continue
        finally:
            free_memory()
        row = scored(case, line)
        print(f"{table_row(row)}  ({time.perf_counter() - start:.0f} s)", flush=True)
        append_line(line, out)
    if torch.cuda.is_available():
        print(f"{time.perf_counter() - begin:.0f} s in all", flush=True)


def free_memory() -> None:
    """Give back what the last case took."""
    import torch

    from src.decoder import model_layers

    model_layers._LAYERS.clear()
    gc.collect()
    if torch.cuda.is_available():
        torch._C._cuda_clearCublasWorkspaces()  # a process of its own would begin without them
        torch.cuda.empty_cache()


class Items(list[dict[str, Any]]):
    """Encoded examples with their lengths."""

    @property
    def lengths(self) -> list[int]:
        """Return tokens of each."""
        return [len(item["input_ids"]) for item in self]


class _Tokenizer:
    pad_token_id, pad_token, padding_side = 0, "<pad>", "left"

    def save_pretrained(self, folder: str) -> None:
        """Write nothing."""


def items_of(case: Case) -> Items:
    """Return random examples of a case's lengths."""
    import torch

    items, generator = Items(), torch.Generator().manual_seed(0)
    for tokens, targets in case.examples():
        ids = torch.randint(case.model.vocabulary, (tokens,), generator=generator)
        labels = ids.clone()
        labels[: tokens - targets] = -100
        items.append({"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels})
    return items


def measure(case: Case, base: Any) -> dict[str, Any]:
    """Train a case's steps with the product's trainer; return its figures."""
    import torch
    from transformers import TrainerCallback

    from src.config import load_config
    from src.training.llm_trainer import LLMTrainer
    from src.training.state.resolved import resolve

    cuda = torch.cuda.is_available()

    class Unsaved(LLMTrainer):
        """A trainer without what is not measured."""

        def save_final_model(self) -> Path:
            return self.run_dir

    class Clock(TrainerCallback):
        """The moments at which steps ended, with the GPU's work done."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step >= WARM_UP:
                if cuda:
                    torch.cuda.synchronize()
                moments.append(time.perf_counter())

    moments: list[float] = []
    model = prepared(case, base)
    free_memory()
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    trainer = None
    try:
        with tempfile.TemporaryDirectory() as folder:
            settings = [f"experiment.output_dir={folder}", f"training.max_steps={WARM_UP + STEPS}"]
            config = load_config("llama_3.2_3b", [*case.overrides(), *settings])
            items = items_of(case)
            resolved = resolve(config, model, items)
            if case.tokens and resolved.memory_plan is not None:  # computed as the case says, whatever was chosen
                given = {"kept_layers": case.kept, "keeps_inputs": case.keeps_inputs}
                plan = replace(resolved.memory_plan, micro_batch_tokens=case.tokens, **given)
                resolved = replace(resolved, memory_plan=plan)
            trainer = Unsaved(config, model, _Tokenizer(), items, callbacks=[Clock()], resolved=resolved)  # type: ignore[arg-type]
            trainer.trainer.args.save_strategy = "no"
            steady = torch.cuda.memory_allocated() if cuda else 0
            trainer.train()
    finally:
        if trainer is not None:
            trainer.trainer.model = trainer.model = None
            trainer.trainer.optimizer = None
        del trainer
        for parameter in base.parameters():
            parameter.grad = None
        if case.method != "full":
            model.unload()
            if hasattr(base, "peft_config"):
                del base.peft_config
    steps = [later - before for before, later in itertools.pairwise(moments)]
    free, total = torch.cuda.mem_get_info() if cuda else (0, 0)
    return {
        "step_seconds": [round(seconds, 4) for seconds in steps],
        "before_bytes": steady,
        "peak_bytes": torch.cuda.max_memory_allocated() if cuda else 0,
        "reserved_bytes": torch.cuda.max_memory_reserved() if cuda else 0,
        "outside_bytes": total - free - (torch.cuda.memory_reserved() if cuda else 0),
    }


def scored(case: Case, line: dict[str, Any]) -> dict[str, Any]:
    """Return the line of the planner's figures beside a measurement."""
    choice = case.predicted()
    return {
        "config": case.record(),
        "predicted_peak_gb": round(choice.memory.peak_bytes / 1e9, 3),
        "measured_peak_gb": round(line["peak_bytes"] / 1e9, 3),
        "predicted_step_s": round(choice.time.seconds, 4),
        "measured_step_s": round(statistics.median(line["step_seconds"]), 4),
        "predicted_device_gb": round(choice.memory.device_bytes / 1e9, 3),
        "measured_device_gb": round((line["reserved_bytes"] + line["outside_bytes"]) / 1e9, 3),
        "held_out": case.held_out,
        "device": line["device"],
        "commit": line["commit"],
    }


def table_row(row: dict[str, Any]) -> str:
    """Return a line of the table."""
    memory, seconds = errors(row)
    kind = "held out" if row["held_out"] else "fitted"
    return (
        f"{row['config']['name']:22} {kind:8} {row['predicted_peak_gb']:7.2f} {row['measured_peak_gb']:7.2f} GB "
        f"{100 * memory:+6.1f}%  {row['predicted_step_s']:7.3f} {row['measured_step_s']:7.3f} s {100 * seconds:+6.1f}%"
    )


def errors(row: dict[str, Any]) -> tuple[float, float]:
    """Return the relative errors of memory and time, predicted over measured less 1."""
    memory = row["predicted_peak_gb"] / row["measured_peak_gb"] - 1 if row["measured_peak_gb"] else 0.0
    return memory, row["predicted_step_s"] / row["measured_step_s"] - 1


def measured_lines() -> list[tuple[Case, dict[str, Any]]]:
    """Return each case's newest measurement with the step times of all of them, in the cases' order.

    Steps bound by launches differ by a tenth and more from one machine of a kind to the next; memory does not.
    """
    newest: dict[str, dict[str, Any]] = {}
    for text in MEASURED.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        before = newest.get(line["case"], {}).get("step_seconds", [])
        newest[line["case"]] = line | {"step_seconds": before + line["step_seconds"]}
    return [(case, newest[case.line_name]) for case in CASES if case.line_name in newest]


def score() -> None:
    """Write a line for each measurement, print the table and the medians."""
    rows = [scored(case, line) for case, line in measured_lines()]
    ACCURACY.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for row in rows:
        print(table_row(row))
    for held_out in (False, True):
        some = [errors(row) for row in rows if row["held_out"] is held_out]
        if some:
            memory, seconds = ([abs(pair[i]) for pair in some] for i in (0, 1))
            print(
                json.dumps(
                    {
                        "held_out": held_out,
                        "cases": len(some),
                        "memory_median": round(statistics.median(memory), 4),
                        "memory_worst": round(max(memory), 4),
                        "time_median": round(statistics.median(seconds), 4),
                        "time_worst": round(max(seconds), 4),
                    }
                )
            )


def main() -> None:
    """Measure, score or fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["measure", "score", "fit"])
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--seconds", type=float, default=420, help="start no further case after so many")
    parser.add_argument("--tiny", action="store_true", help="tiny models, nothing is kept")
    parser.add_argument("--out", type=Path, default=MEASURED)
    given = parser.parse_args()
    if given.action == "score":
        score()
    elif given.action == "fit":
        from plan_fit import fit

        fit(measured_lines())
    else:
        cases = [case for case in (TINY_CASES if given.tiny else CASES) if not given.only or case.name in given.only]
        measure_all(cases, None if given.tiny else given.out, given.seconds)


if __name__ == "__main__":
    main()
