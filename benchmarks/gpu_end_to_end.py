"""The system on a GPU: quality on DialogSum, memory of the large shapes, `--debug`. One JSON line a part.

    python benchmarks/gpu_end_to_end.py PART... --shared DIR [--out FILE]

Parts: dialogsum (3 epochs on 12,460 dialogues, ROUGE on 500), dialogsum_fp8 (the same with frozen products in 8 bit),
sample80 (the quickstart's settings on 80 of them, ROUGE on 100), llama_3.2_3b and qwen3_4b (random weights in the exact
shape: a few steps and `--debug`), debug (the bundled model). DIR holds `data/dialogsum_en`, `data/dialogsum_ko` and
`tokenizers`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from random_checkpoint import write_random_checkpoint
from result_line import print_line

ROOT = Path(__file__).resolve().parent.parent
KOREAN = ("data.train={shared}/data/dialogsum_ko/train.csv", "data.eval={shared}/data/dialogsum_ko/train.csv")
ENGLISH = (
    "data.train={shared}/data/dialogsum_en/train.jsonl",
    "data.eval={shared}/data/dialogsum_en/dev.jsonl",
    "dataset.language=en",
    "evaluation.generate=true",
    "evaluation.stemmer=true",
)


def run(shared: Path, out: Path, name: str, *arguments: str) -> dict[str, object]:
    """Run `scripts/train_llm.py` in a process of its own; return what its run.json says."""
    settings = [argument.format(shared=shared) for argument in arguments]
    command = [sys.executable, str(ROOT / "scripts" / "train_llm.py"), "--overwrite", *settings]
    command += [f"experiment.name={name}", f"experiment.output_dir={out}"]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    seconds = time.perf_counter() - start
    print(done.stdout[-1500:], done.stderr[-1500:], file=sys.stderr, flush=True)
    if done.returncode:
        return {"part": name, "error": done.stderr.strip().splitlines()[-1:], "exit": done.returncode}
    record = json.loads((out / name / "run.json").read_text(encoding="utf-8"))
    scores = {stage: scores["rouge_sum"] for stage, scores in record.get("scores", {}).items()}
    return {
        "date": record["started"][:10],
        "part": name,
        "process_seconds": round(seconds, 1),
        "rouge_sum": scores,
        "train": record["train"],
        "peak_gb": round(record["train"]["peak_memory_bytes"] / 1e9, 2),
        "resolved": record["resolved"],
        "device": record["device"],
        "versions": record["versions"],
        "commit": record["commit"],
    }


def dialogsum(shared: Path, out: Path, name: str = "dialogsum", *more: str) -> list[dict[str, object]]:
    """Fine-tune the bundled model on the English training set and score it on the whole dev set."""
    batch = (
        "training.batch_size=40",
        "training.gradient_accumulation_steps=1",
        "training.gradient_checkpointing=false",
    )
    rest = ("generation.batch_size=125", "training.eval_batch_size=64", "training.logging_steps=50")
    common = ("--experiment", "smollm2_135m", "--no-use_qlora", "tokenizer.decoder_max_len=120")
    return [run(shared, out, name, *common, *ENGLISH, *batch, *rest, *more)]


def dialogsum_fp8(shared: Path, out: Path) -> list[dict[str, object]]:
    """Do it with frozen products in 8 bit."""
    return dialogsum(shared, out, "dialogsum_fp8", "training.base_precision=fp8")


def sample80(shared: Path, out: Path) -> list[dict[str, object]]:
    """Run the quickstart's settings on the first 80 DialogSum dialogues, scored on 100."""
    limits = ("data.max_train_examples=80", "data.max_eval_examples=100", "generation.batch_size=100")
    return [run(shared, out, "sample80", "--experiment", "quickstart", *ENGLISH, *limits)]


def debug(shared: Path, out: Path) -> list[dict[str, object]]:
    """Run `--debug` on the bundled model."""
    return [run(shared, out, "smollm2_debug", "--experiment", "smollm2_135m", "--use_qlora", "--debug", *KOREAN)]


def large(shape: str, shared: Path, out: Path) -> list[dict[str, object]]:
    """Train a few QLoRA steps on random weights in a large model's exact shape, then `--debug`."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = shared / "tokenizers" / ("qwen3" if shape.startswith("qwen3") else "llama3")
        write_random_checkpoint(shape, Path(folder), tokenizer)
        common = ("--experiment", shape, "--use_qlora", f"model.checkpoint={folder}", *KOREAN)
        steps = ("training.max_steps=4", "data.max_eval_examples=64", "training.logging_steps=1")
        return [
            run(shared, out, shape, *common, *steps),
            run(shared, out, f"{shape}_debug", *common, "--debug"),
        ]


def main() -> None:
    """Run the named parts and print one JSON line for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = {"dialogsum": dialogsum, "dialogsum_fp8": dialogsum_fp8, "sample80": sample80, "debug": debug}
    parser.add_argument("parts", nargs="+", choices=[*parts, "llama_3.2_3b", "qwen3_4b"])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--runs", type=Path, default=Path("outputs/gpu"))
    parser.add_argument("--out", type=Path, help="append the lines to this file too")
    given = parser.parse_args()
    for part in given.parts:
        lines = parts[part](given.shared, given.runs) if part in parts else large(part, given.shared, given.runs)
        for line in lines:
            print_line(line, given.out)


if __name__ == "__main__":
    main()
