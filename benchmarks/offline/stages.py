"""What is measured in one lease of a GPU, in the order of its worth: commands, seconds, and what must be there."""

import sys
from collections.abc import Sequence
from pathlib import Path

from stage import ROOT, Place, Stage

sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from refine_quality import IMITATION

_ENGLISH, _KOREAN = "smollm2.converted", "gemma.converted"
_OTHER_SEEDS = (43, 44)
_REFINE = ("refine.dialogues=128", "refine.samples=8", "refine.learning_rate=3e-4", "refine.eval_steps=25")
_REFINE_FEW = ("refine.dialogues=2", "refine.samples=2", "refine.steps=2", "refine.eval_steps=1")
_KOREAN_SETTINGS = (
    "--no-use_qlora",
    "dataset.language=ko",
    "evaluation.generate=true",
    "evaluation.tokenization=morpheme",
    "tokenizer.decoder_max_len=160",
    "training.engine=packed",
    "training.gradient_checkpointing=auto",
    "training.memory_budget_gb=8",
    "training.eval_batch_size=64",
    "training.report_to=[]",
    "generation.batch_size=250",
)


def stages(place: Place) -> list[Stage]:
    """Return all stages in the order in which they are to begin."""
    return [*english(place), *korean(place), *shapes(place), *rest(place), *search(place), *several(place)]


def english(place: Place) -> list[Stage]:
    """Return imitation and refining of SmolLM2-135M on DialogSum, and what a step of refining takes."""
    sizes = ("tiny", "--dialogues", 2, "--new", 4) if place.dry else ("llama_3.2_3b", "--dialogues", 64, "--new", 40)
    large = place.script("refine_step.py", *sizes, "--samples", 2 if place.dry else 8, "--nf4", "--planned", 24)
    peer = _small_step(place, "refine_peer.py", "--side-seconds", 150)
    return [
        _imitation(place, 42),
        _refining(place, "42", "imitated_42", 42, 5),
        Stage("small_1", [_small(place, "small_1")], 90, 250, True, _smollm2(place)),
        Stage("step_3b_24gb", [large], 75, 200, True, place.installed("core")),
        Stage("peer_trl", [peer], 200, 640, True, place.installed("core", "trl"), site="trl"),
        _choosing(place, "42", 42),
    ]


def korean(place: Place) -> list[Stage]:
    """Return imitation of Gemma 3 270M on Korean dialogues, in steps of 32 and of 16, and means of runs."""
    found = []
    data = [f"data.{part}={place.shared}/data/dialogsum_ko/{file}.csv" for part, file in _PARTS]
    needs = place.installed("core", "kiwi", "data", *(() if place.dry else (_KOREAN,)))

    def training(name: str, *more: str) -> list[str]:
        settings = (*_KOREAN_SETTINGS, *data, *more, *place.few)
        return place.script("offline/training.py", name, "gemma3_270m", "--runs", place.runs, "--settings", *settings)

    for examples in (32, 16):
        name = f"korean_{examples}"
        found.append(Stage(name, [training(name, f"training.batch_size={examples}")], 80, 300, True, needs))
    for epochs, groups in _KOREAN_AVERAGES.items():
        for number, seeds in enumerate(groups, 1):
            names = [f"korean_{epochs}_epochs_{seed}" for seed in seeds]
            for name, seed in zip(names, seeds, strict=True):
                command = training(name, f"training.epochs={epochs}", f"training.seed={seed}")
                found.append(Stage(name, [command], 60, 300, needs=needs, asked=True))
            averages = place.script("average_gain.py", *(place.runs / name / "final_model" for name in names))
            name, done = f"korean_{epochs}_averages_{number}", [place.done(name) for name in names]
            found.append(Stage(name, [averages], 30 * len(seeds), 300, needs=done, asked=True))
    return found


def shapes(place: Place) -> list[Stage]:
    """Return rates in the shapes of Qwen3.5-4B and Gemma-3-4B, ours and a peer's."""
    found, tiny = [], ("--tiny",) if place.dry else ()
    lengths = place.shared / "benchmarks" / "examples_qwen3.json"
    common = ("--examples", lengths, "--tokenizer", place.shared / "tokenizers" / "qwen3", "--budget", 10, *tiny)
    for shape in ("qwen3.5_4b", "gemma3_4b"):
        command = place.script("shape_peer.py", shape, *common)
        needs = place.installed("core", "more", "data", *(() if place.dry else ("unsloth",)))
        name, tuned = f"rate_{shape}", ()
        if shape == "qwen3.5_4b" and not place.dry:
            # Flash Linear Attention's kernels are compiled for minutes the first time, on either side.
            first = [*command, "--side-seconds", "600"]
            tuning = Stage(f"tuning_{shape}", [first], 500, 1300, needs=needs, site="unsloth")
            found.append(tuning)
            tuned = (place.done(tuning.name),)
        found.append(Stage(name, [command], 280, 600, True, (*needs, *tuned), site="unsloth"))
    return found


def rest(place: Place) -> list[Stage]:
    """Return refining in Korean, tests that need a GPU, other seeds, and what was measured before."""
    core, tiny = place.installed("core"), ("--tiny",) if place.dry else ()
    pytest = [place.python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    marked = [*pytest, "-m", "gpu", *(f"src/tests/{name}" for name in ("training/refine", "decoder", "inference"))]
    kernels = [*pytest, "src/tests/kernels", *(("--collect-only",) if place.dry else ())]
    part = ("--optimizers", "adamw_torch_fused", "--examples", 10, "--profile")  # of a step, that one of four has
    small = place.script("optimizer_waits.py", *part, *tiny, *(("--steps", 6) if place.dry else ()))
    sizes = ("smollm2_135m", "--batch-size", 10, "--dropout", 0.05, "--kernels")
    profile = place.script("step_profile.py", *sizes)  # dry too: there is no part of it without a GPU
    samples = ("--shape", "tiny", "--samples", 2) if place.dry else ("--shape", "smollm2_135m", "--samples", 16)
    return [
        _refining(place, "korean", "korean_16", 42, 5, minutes=5),
        Stage("tests_marked", [marked], 90, 240, needs=core),
        Stage("tests_kernels", [kernels], 120, 240, needs=core),
        *(_imitation(place, seed) for seed in _OTHER_SEEDS),
        *(_refining(place, f"{seed}", f"imitated_{seed}", seed, 5) for seed in _OTHER_SEEDS),
        _refining(place, "43_hot", "imitated_43", 43, 5, more=("refine.temperature=1.4",)),
        *(_voting(place, name, 43) for name in ("43", "43_hot")),
        _judging(place, "43", 43),
        Stage("optimizer_waits", [place.script("optimizer_waits.py", *tiny)], 60, 150, True, core),
        Stage("small_step", [small], 50, 150, True, core, asked=True),
        Stage("small_profile", [profile], 60, 150, True, core, asked=True),
        Stage("sampling", [place.script("generation_speed.py", "mbr", *samples)], 50, 150, True, core),
        Stage("step_135m", [_small_step(place, "refine_step.py", "--planned", 0)], 45, 150, True, core),
    ]


def search(place: Place) -> list[Stage]:
    """Return what needs a lease of its own: searches, each as it is or at random, and workers on many cores."""
    # All six at once share a card, each in a lane of its own: one after the other they would take two leases.
    how = ("--tiny", "--deadline", "40s") if place.dry else ("--deadline", "24m")
    data = ("--data", place.shared / "data" / "dialogsum_en")
    share = () if place.dry else ("training.memory_budget_gb=20",)
    ready = place.installed("core", "more", "data", *(() if place.dry else (_ENGLISH,)))
    found = []
    for seed in (0, 1, 2):
        for way in ("search", "random"):
            name = f"{way}_{seed}"
            which = ("--seeds", seed, "--ways", way, "--folder", place.runs / name)
            command = place.script("search_quality.py", "random", *how, *data, *which, *share)
            found.append(Stage(name, [command], 1490, 1600, True, ready, asked=True))
    for seed in (0, 1):  # the best of the 24 minutes' random trials are among their first five
        which = ("--seeds", seed, "--ways", "random", "--folder", place.runs / f"random_best_{seed}")
        command = place.script("search_quality.py", "random", *how, *data, *which, *share, "search.trials=5")
        found.append(Stage(f"random_best_{seed}", [command], 200, 400, True, ready, asked=True))
    workers = place.script("search_figures.py", "workers", "--deadline", "20s" if place.dry else "150s")
    return [*found, Stage("workers", [workers], 320, 450, needs=place.installed("core", "more"), asked=True, cards=0)]


def several(place: Place) -> list[Stage]:
    """Return what needs several GPUs."""
    lengths, ready = place.shared / "benchmarks" / "examples_llama3.json", place.installed("core", "more", "data")
    shape, tokenizer = ("tiny",) if place.dry else ("llama3_3b",), place.shared / "tokenizers" / "llama3"
    given = () if place.dry else ("--examples", lengths)

    def stage(name: str, cards: int, seconds: int, *commands: Sequence[str]) -> Stage:
        peers = ("unsloth", "flash_attn") if name.startswith("peer") and not place.dry else ()
        needs = (*ready, *place.installed(*peers))
        count = 1 if place.dry else cards
        return Stage(name, commands, seconds, 2 * seconds + 60, True, needs, asked=True, cards=count)

    def rates(cards: int, *variants: str) -> list[str]:
        count = ("--cards", 2 if place.dry else cards)
        return place.script("several_gpus.py", *shape, *given, *count, "--variants", *variants)

    most = 2 if place.dry else 4
    sites = ("--peer-site", place.prefix / "unsloth", place.prefix / "flash_attn")

    def peer(cards: int, *more: object, name: str = "unsloth") -> list[str]:
        how = ("--peer", "trainer") if place.dry else ("--peer", name, *sites)
        return place.script("several_peer.py", *shape, *given, "--cards", cards, "--tokenizer", tokenizer, *how, *more)

    return [
        stage("smoke", 2, 150, place.script("several_smoke.py", "--folder", place.runs / "smoke")),
        stage("rates_2", 2, 180, rates(2, "one", "weak", "strong")),
        stage("rates_4", 4, 180, rates(4, "one", "weak", "strong")),
        stage("whole_4", 4, 160, *_whole(place, most, tokenizer)),
        stage("small_4", 4, 110, *2 * [_small(place, "small_4", "--processes" if place.dry else "--gpus", most)]),
        stage("cut_4", 4, 140, rates(4, "cut")),
        stage("full_4", 4, 100, rates(4, "full")),
        stage("peer_4", 4, 270, peer(most)),
        stage("peer_2", 2, 200, peer(2)),
        stage("peer_2_few", 2, 200, peer(2, "--per-card", 2 if place.dry else 32)),
        stage("peer_2_trl", 2, 200, peer(2, name="trl")),
    ]


def _whole(place: Place, cards: int, tokenizer: Path) -> list[list[str]]:
    """Return three epochs of 12,457 Korean dialogues in the shape of Llama-3.2-3B, evaluation and saving included."""
    source, model = place.shared / "data" / "dialogsum_ko", place.prefix / ("tiny_llama3" if place.dry else "llama3_3b")
    long, count = place.prefix / "korean_12457.csv", 60 if place.dry else 12457
    settings = ("--use_qlora", f"model.checkpoint={model}", f"data.train={long}", f"data.eval={source}/dev.csv")
    settings = (*settings, "dataset.language=ko", "training.batch_size=64", "training.gradient_accumulation_steps=1")
    settings = (*settings, "training.gradient_checkpointing=auto", "training.report_to=[]")
    settings = (*settings, "--processes" if place.dry else "--gpus", str(cards))
    settings = (*settings, *(("training.epochs=1", "data.max_eval_examples=4") if place.dry else ()))
    train = place.script(
        "offline/training.py", "whole_4", "llama_3.2_3b", "--runs", place.runs, "--settings", *settings
    )
    return [
        place.script("offline/data.py", "repeat", source / "train.csv", long, count),
        place.script("random_checkpoint.py", "tiny" if place.dry else "llama_3.2_3b", model, "--tokenizer", tokenizer),
        train,
    ]


_PARTS = (("train", "train"), ("eval", "dev"))
_KOREAN_AVERAGES = {  # epochs: groups of seeds whose weights are averaged
    1: ((42, 43, 44, 45, 46), (47, 48, 49, 50, 51)),
    2: ((42, 43), (44, 45), (46, 47), (48, 49)),
    3: ((42, 43, 44),),
}


def _imitation(place: Place, seed: int) -> Stage:
    """Return three epochs of SmolLM2-135M on DialogSum, with adapters of rank 64."""
    command = _small(place, f"imitated_{seed}", f"training.seed={seed}", "lora.r=64")
    return Stage(f"imitated_{seed}", [command], 120, 330, needs=_smollm2(place))


def _smollm2(place: Place) -> tuple[Path, ...]:
    return place.installed("data", "core" if place.dry else _ENGLISH)


def _small(place: Place, name: str, *more: object) -> list[str]:
    data = [f"data.{part}={place.shared}/data/dialogsum_en/{file}.jsonl" for part, file in _PARTS]
    settings = (*IMITATION, *data, *more, *place.few)
    return place.script("offline/training.py", name, "smollm2_135m", "--runs", place.runs, "--settings", *settings)


def _refining(
    place: Place, name: str, began: str, seed: int, facts: float, minutes: float = 11, more: Sequence[str] = ()
) -> Stage:
    """Return a refining of a run by the clock: with the imitation before it a quarter of an hour."""
    settings = (f"refine.facts_weight={facts:g}", *(_REFINE_FEW if place.dry else _REFINE), *more)
    given = ("--imitation", place.runs / began, "--seeds", seed, "--minutes", 0.5 if place.dry else minutes)
    command = place.script("refine_quality.py", *given, "--folder", place.runs / name, *settings)
    seconds = round(60 * minutes) + 60
    return Stage(f"refined_{name}", [command], seconds, seconds + 300, needs=[place.done(began)], asked=bool(more))


def _choosing(place: Place, name: str, seed: int) -> Stage:
    """Return the gain of choosing among 16 summaries of a refined model, at two temperatures."""
    model = place.runs / name / f"refined_{seed}" / "final_model"
    few = ("--samples", 2, "--dialogues", 2) if place.dry else ("--samples", 16)
    ways = [place.script("mbr_gain.py", "--adapter", model, *few, "--temperature", heat) for heat in ("auto", 1.0)]
    return Stage(f"mbr_{name}", ways, 70, 150, needs=[place.done(f"refined_{name}")])


def _voting(place: Place, name: str, seed: int) -> Stage:
    """Return what 16 draws of a refined model gain, in the mean of many, and compared with the one before too."""
    model, voters = (place.runs / run / "final_model" for run in (f"{name}/refined_{seed}", f"imitated_{seed}"))
    few = ("--samples", 4, "--draws", 2, "--dialogues", 2) if place.dry else ("--samples", 48, "--draws", 12)
    how = ("--temperatures", 1.25, 1.5, "--voters", voters, "--voters-temperatures", 0.7, *few)
    command = place.script("mbr_votes.py", "--adapter", model, *how)
    return Stage(f"votes_{name}", [command], 220, 500, needs=[place.done(f"refined_{name}")], asked=True)


def _judging(place: Place, name: str, seed: int) -> Stage:
    """Return what judges gain that learned from the draws of a refined model."""
    model = place.runs / name / f"refined_{seed}" / "final_model"
    few = ("--dialogues", 8, "--samples", 2, "--pool", 2, "--draws", 2, "--asked", 2) if place.dry else ()
    before = ("--start", place.runs / f"imitated_{seed}" / "final_model")
    command = place.script("judged_choice.py", "--adapter", model, *before, *few, "--epochs", 1, 2)
    return Stage(f"judged_{name}", [command], 240, 600, needs=[place.done(f"refined_{name}")], asked=True)


def _small_step(place: Place, script: str, *arguments: object) -> list[str]:
    """Return a step of 128 dialogues x 8 summaries by SmolLM2-135M's shape."""
    sizes = ("tiny", "--dialogues", 2, "--samples", 2, "--new", 4) if place.dry else ("smollm2_135m",)
    return place.script(script, *sizes, *arguments)
