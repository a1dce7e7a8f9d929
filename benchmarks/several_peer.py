"""Training speed on several GPUs of one machine, a peer's under DDP and then ours, on the same cards in one call.

    python benchmarks/several_peer.py llama3_3b --tokenizer DIR --examples FILE [--cards 4] [--peer trl] [--out FILE]
    python benchmarks/several_peer.py tiny --tokenizer DIR --cards 2 --peer trainer    # tries it on the CPU

Random weights in the shape, NF4 with double quantization, r 16 on seven projections, no dropout, bf16, 64 examples a
card and step, loss on responses, nothing recomputed by a peer unless `--recompute` says so. Peers, of which the next is
tried where one fails: `unsloth` (with TRL, padding-free), `trl` (its SFTTrainer; padding-free with FlashAttention 2 and
with Liger, each where it is installed), `trainer` (transformers' with PEFT, padded); `ddp_peers.py` has them. Ours is
measured after the first. FILE holds token ids (`input_ids`, `prompt_len`; without it: random ones), DIR the shape's
tokenizer. Rates are all cards' examples over wall time of whole steps after warm-up. A side that is not done in time is
killed. Prints one JSON line with both sides' figures, the ratio of ours to the peer's rate, and why others failed.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

PEERS = {"unsloth": 64, "trl": 16, "trainer": 8}  # in the order of trying; examples of a card's micro-batch
WARM_UP, STEPS = 12, 20
_LEAST_SECONDS, _ENDING_SECONDS = 60, 15  # worth a start; that processes have to end once their figures are there
_QUIET = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "UNSLOTH_DISABLE_STATISTICS": "1"}


def main() -> None:
    """Write the checkpoint, measure the peer and ours, print the line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=["llama3_3b", "llama3_8b", "qwen3_4b", "tiny"])
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--examples", type=Path)
    parser.add_argument("--cards", type=int, default=4)
    parser.add_argument("--per-card", type=int, default=64, help="examples of a step on one card")
    parser.add_argument("--peer", choices=PEERS, default="unsloth", help="the first that is tried")
    parser.add_argument(
        "--peer-site", type=Path, nargs="+", default=[], help="folders of the peers' packages, which ours does not see"
    )
    parser.add_argument("--batch", type=int, help="examples of the peer's micro-batch on one card")
    parser.add_argument("--recompute", action="store_true", help="peers recompute layers in the backward pass")
    parser.add_argument("--side-seconds", type=float, default=200, help="after which a side is killed")
    parser.add_argument("--total-seconds", type=float, default=570, help="after which no side is running any more")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--side", choices=("build", "ours", *PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        run_side(given)
        return
    if not given.tokenizer.is_dir() or (given.examples and not given.examples.is_file()):
        parser.error("--tokenizer has to be a folder, --examples a file")
    if given.batch and given.per_card % given.batch:
        parser.error(f"--batch {given.batch} does not divide the {given.per_card} examples of a card")
    from result_line import measured_at, print_line

    end, peers = time.monotonic() + given.total_seconds, list(PEERS)[list(PEERS).index(given.peer) :]
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="several-peer-") as folder:
        for side in ("build", peers[0], "ours", *peers[1:]):
            if side in peers[1:] and any("error" not in found[peer] for peer in peers if peer in found):
                break
            seconds = min(given.side_seconds, end - time.monotonic())
            if side == peers[0]:
                seconds = min(given.side_seconds, max(end - time.monotonic() - given.side_seconds, _LEAST_SECONDS))
            found[side] = measured(side, given, Path(folder), seconds)
            print(f"{side}: {json.dumps(found[side])}", file=sys.stderr, flush=True)
            if "error" in found["build"]:
                break
    failed = {side: result["error"] for side, result in found.items() if "error" in result}
    peer = next((peer for peer in peers if peer in found and peer not in failed), None)
    rates = [found.get(side or "", {}).get("samples_s") for side in ("ours", peer)]
    line = {"benchmark": "several_peer", "shape": given.shape, "cards": given.cards, "peer": peer}
    line |= {"examples_a_step": given.per_card * given.cards}
    line |= {"ratio": round(rates[0] / rates[1], 3) if all(rates) else None}
    line |= {"ours": found.get("ours"), "peers": found.get(peer or ""), "failed": failed}
    print_line(line | measured_at(), given.out)


def measured(side: str, given: argparse.Namespace, folder: Path, seconds: float) -> dict[str, Any]:
    """Return a side's figures from processes of its own, or the error of the first that failed; none stays running."""
    import psutil

    if seconds < _LEAST_SECONDS:
        return {"error": f"not started: {seconds:.0f} seconds were left"}
    launcher = ["-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1"]
    launcher += ["--nproc-per-node", str(given.cards)]
    own = [__file__, *sys.argv[1:], "--side", side, "--folder", str(folder)]
    command = [sys.executable, *(launcher if side in PEERS else []), *own]
    variables = dict(os.environ)
    if side in PEERS:
        variables |= {"UNSLOTH_COMPILE_LOCATION": str(folder / "unsloth_compiled_cache"), **_QUIET}
        variables.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // given.cards)))
        sites = [str(site.resolve()) for site in given.peer_site]
        variables["PYTHONPATH"] = os.pathsep.join([*sites, *filter(None, [variables.get("PYTHONPATH")])])
    result, log, began = folder / f"{side}.json", folder / f"{side}.log", time.monotonic()
    end = began + seconds
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=variables)
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.2)
            if result.exists():
                end = min(end, result.stat().st_mtime - time.time() + time.monotonic() + _ENDING_SECONDS)
        late = process.poll() is None
        if late:  # torchrun's processes have sessions of their own
            every = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
            for one in reversed(every):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs(every, timeout=10)
        process.wait()
    took = {"process_seconds": round(time.monotonic() - began, 1)}
    if result.exists():
        return dict(json.loads(result.read_text(encoding="utf-8"))) | took
    text = log.read_text(encoding="utf-8", errors="replace").strip()
    sys.stderr.write(f"{side}, the end of its output:\n{text[-4000:]}\n")
    errors = sorted(folder.glob(f"{side}.error.*"), key=lambda path: path.stat().st_mtime_ns)
    said = errors[0].read_text(encoding="utf-8") if errors else (text.splitlines() or ["no output"])[-1]
    return {"error": (f"killed after {seconds:.0f} seconds; " if late else "") + said[:300]} | took


def run_side(given: argparse.Namespace) -> None:
    """Do a side's work as one of its processes; the first one writes the figures, one that fails its error."""
    rank = os.environ.get("RANK", "0") if given.side in PEERS else "0"
    try:
        figures = {"build": build, "ours": ours}.get(given.side, peer)(given)
    except BaseException as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        (given.folder / f"{given.side}.error.{rank}").write_text(said, encoding="utf-8")
        raise
    if rank == "0":
        (given.folder / "part").write_text(json.dumps(figures), encoding="utf-8")
        (given.folder / "part").replace(given.folder / f"{given.side}.json")


def build(given: argparse.Namespace) -> dict[str, Any]:
    """Write the checkpoint with its tokenizer's control tokens, and the rows that the peer trains on."""
    import train_throughput
    from random_checkpoint import SHAPES, random_prompts, write_random_checkpoint
    from transformers import AutoTokenizer

    shape = train_throughput.SHAPES.get(given.shape, given.shape)
    parameters = write_random_checkpoint(shape, given.folder, given.tokenizer)
    tokenizer = AutoTokenizer.from_pretrained(given.folder)
    ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    config = json.loads((given.folder / "config.json").read_text(encoding="utf-8"))
    (given.folder / "config.json").write_text(json.dumps(config | ids), encoding="utf-8")
    if given.examples is None:
        prompts = random_prompts(SHAPES[shape]["vocab_size"])
        pool = [{"input_ids": ids, "prompt_len": len(ids) * 4 // 5} for ids in prompts]
        pool_file(given).write_text(json.dumps(pool), encoding="utf-8")
    count = given.per_card * given.cards * (WARM_UP + STEPS)
    work = train_throughput.load_examples(pool_file(given), -(-count // train_throughput.PER_STEP))[:count]
    rows = [{name: one[name].tolist() for name in ("input_ids", "labels")} for one in work]
    (given.folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    tokens = sum(len(row["input_ids"]) for row in rows)
    return {"parameters": parameters, "tokens_an_example": round(tokens / count, 1)}


def pool_file(given: argparse.Namespace) -> Path:
    """Return the file of examples that both sides draw from."""
    return Path(given.examples or given.folder / "examples.json")


def ours(given: argparse.Namespace) -> dict[str, Any]:
    """Train on all cards with the product's trainer, by the other benchmark."""
    from several_gpus import run_variant

    line = {"shape": given.shape, "variant": "weak", "cards": given.cards, "warm_up": WARM_UP, "steps": STEPS}
    line |= {"examples_a_step": given.per_card * given.cards, "file": str(pool_file(given))}
    return run_variant(
        line | {"limit_s": given.side_seconds - 15}, given.cards
    )  # says where it stood, before it is killed


def peer(given: argparse.Namespace) -> dict[str, Any]:
    """Train as one of the peer's processes; return its figures."""
    from ddp_peers import Work, train

    rows = json.loads((given.folder / "rows.json").read_text(encoding="utf-8"))
    batch = min(given.batch or PEERS[given.side], given.per_card)
    return train(given.side, Work(given.folder, rows, given.per_card, batch, given.recompute, WARM_UP, STEPS))


if __name__ == "__main__":
    main()
