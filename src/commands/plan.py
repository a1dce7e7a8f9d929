"""`yoyak plan`: memory and time of a run, before it."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..config.effects import without_effect_in_comparison, without_effect_in_plan
from ..config.loader import leave_out_default_4bit, load_config_with_sources
from ..config.schema import Config
from ..config.unread import refuse_unread, refuse_unread_by_plan
from ..errors import YoyakError
from ..models.flash_here import flash_is_here
from ..models.untrainable import refuse_untrainable_checkpoint
from ..planner.cluster import chosen_cluster
from ..planner.data_lengths import data_lengths
from ..planner.devices import Device, find_device
from ..planner.job import job_of
from ..planner.lengths import Lengths, lengths_by_hand
from ..planner.machine import choose_device
from ..planner.model_shape import ModelShape
from ..planner.plan import Plan, Situation, make_plan
from ..planner.shapes import find_shape
from .console import print_json, print_text
from .data.data_files import write_whole
from .speech import said, said_lines, say_aside
from .train.config import refuse_untrainable, take_over_adapter

_PICTURE = Path("outputs/plan_compare.svg")
_CARDS_PICTURE = Path("outputs/plan_cards.svg")


@dataclass(frozen=True)
class PlanRequest:
    """What the user asked for."""

    experiment: str
    overrides: Sequence[str] = ()
    gpu: str | None = None
    memory_gb: float | None = None
    lengths: str | None = None
    price_per_hour: float | None = None
    calibrate: bool = False
    compare: bool = False
    out: Path | None = None
    as_json: bool = False
    refine: bool = False
    search: str | None = None
    """The time of a search that is planned in place of a run."""
    joined: tuple[int, int, str | None, str | None] = (1, 1, None, None)
    """Cards of a host, hosts, the link between cards, the network between hosts."""


def show_plan(request: PlanRequest) -> None:
    """Print the plan, its JSON, a comparison, or what calibration measured."""
    if request.calibrate:
        calibrate(request)
        return
    config, sources = load_config_with_sources(request.experiment, request.overrides)
    leave_out_default_4bit(config, sources)
    refuse_unread_by_plan(request.overrides, request.refine, request.search is not None)
    for sentence in [] if request.refine or request.search else without_effect_in_plan(request.overrides):
        say_aside(sentence)
    if not request.refine:
        refuse_untrainable(config)
        refuse_untrainable_checkpoint(config)
        take_over_adapter(config, sources)
    if request.out is not None and request.out.suffix.lower() != ".svg":
        raise YoyakError(f"--out {request.out}: the picture is SVG; name a file that ends in .svg")
    if request.compare and request.refine:
        raise YoyakError("--compare and --refine: methods are compared for training; leave one out")
    if request.search is not None and (request.compare or request.refine or request.joined[:2] != (1, 1)):
        raise YoyakError("--search: trials of one card are planned; leave out --compare, --refine, --cards and --hosts")
    named = request.gpu is not None or request.memory_gb is not None
    device = find_device("H100") if request.compare and not named else choose_device(request.gpu, request.memory_gb)
    cluster = chosen_cluster(*request.joined, device.name)
    situation = replace(situation_of(config, sources, device, request.lengths), cluster=cluster)
    if request.compare and cluster.count > 1:
        compare_cards(situation, request)
        return
    if request.compare:
        compare_plans(situation, request)
        return
    if request.refine:
        show_refine_plan(situation, request)
        return
    if request.search is not None:
        from .search.plan_search import show_search_plan

        show_search_plan(situation, sources, request.search, request.as_json)
        return
    result = make_plan(situation)
    refuse_budget(result)
    if request.as_json:
        print_json(result.as_json(request.price_per_hour))
        return
    from ..planner.advice import best_changes
    from ..planner.words import plan_text

    print_text(said_lines(plan_text(result, best_changes(result), request.price_per_hour)))
    if cluster.count > 1:
        from ..planner.over_cards import cards_text, on_more_cards

        print_text("\n" + said_lines(cards_text(on_more_cards(situation), request.price_per_hour)))


def show_refine_plan(situation: Situation, request: PlanRequest) -> None:
    """Print the plan of `yoyak refine`, or its JSON."""
    from ..planner.advice import arguments
    from ..planner.refining import make_refine_plan
    from ..planner.refining_advice import nearest_fitting_refining
    from ..planner.words import refine_text

    result = make_refine_plan(situation)
    budget = situation.config.training.memory_budget_gb
    if budget is not None and result.memory.peak_bytes > budget * 1e9:
        change = nearest_fitting_refining(result)
        raise over_budget(budget, result.memory.peak_bytes, arguments(change) if change else None)
    if request.as_json:
        print_json(result.as_json(request.price_per_hour))
        return
    print_text(said_lines(refine_text(result, request.price_per_hour)))


def over_budget(budget: float, least: float, fitting: str | None) -> YoyakError:
    """Return the error of a `training.memory_budget_gb` that is too small, with settings that fit where there are."""
    way = f"; this fits: {fitting}" if fitting else "; raise it"
    return YoyakError(f"training.memory_budget_gb = {budget:g}: the run takes {least / 1e9:.1f} GB at the least{way}")


def refuse_budget(result: Plan) -> None:
    """Raise YoyakError where a run takes more than `training.memory_budget_gb`, however its micro-batches are made."""
    from ..planner.advice import nearest_fitting

    budget, least = result.situation.config.training.memory_budget_gb, result.choice.memory.peak_bytes
    if budget is None or least <= budget * 1e9:
        return
    change = nearest_fitting(result)
    raise over_budget(budget, least, change.as_arguments if change else None)


def situation_of(config: Config, sources: Mapping[str, str], device: Device, by_hand: str | None) -> Situation:
    """Return what the plan is made of; says on stderr where lengths are not the data's own."""
    shape, _ = find_shape(config.model.checkpoint)
    job_of(config, shape, device)  # settings that exclude each other are refused before data is read
    if by_hand is not None:
        given = lengths_by_hand(by_hand)
        return Situation(config, shape, given, given.first(500), device, flash=flash_is_here(shape, device))
    train = _lengths(config, shape, "train", sources)
    evaluation = _lengths(config, shape, "eval", sources)
    for split, lengths in (("data.train", train), ("data.eval", evaluation)):
        if lengths.source.startswith("the shipped"):
            absent = f"{split}: no file {getattr(config.data, split[5:])}; using {lengths.source}"
            print(said(absent), file=sys.stderr)
        elif lengths.estimated:
            print(said(f"{split}: the model's tokenizer is not here; lengths are estimates"), file=sys.stderr)
    return Situation(config, shape, train, evaluation, device, flash=flash_is_here(shape, device))


def _lengths(config: Config, shape: ModelShape, split: str, sources: Mapping[str, str]) -> Lengths:
    named = sources[f"data.{split}"] != "default"
    return data_lengths(config, shape, split, named)


def compare_plans(situation: Situation, request: PlanRequest) -> None:
    """Print a table of methods, cards and lengths, and write its picture."""
    from ..planner.compare import compared, picture, table_text

    path = request.out or _PICTURE
    chosen = None if request.gpu is None and request.memory_gb is None else [situation.device]
    for sentence in without_effect_in_comparison(request.overrides):
        say_aside(sentence)
    rows = compared(situation, chosen)
    name = situation.config.model.checkpoint
    write_whole({path: picture(rows, f"{name}: hours over memory").encode()}, overwrite=True)
    if request.as_json:
        found = [
            {"card": row.card, "method": row.method, "length_scale": row.scale} | row.plan.as_json() for row in rows
        ]
        print_json(found)
        return
    print_text(table_text(rows, said))
    print_text(said(f"Picture: {path}"))


def compare_cards(situation: Situation, request: PlanRequest) -> None:
    """Print the run on more and more cards, up to 64, and joined otherwise; write a picture of its time over them."""
    from ..planner.over_cards import ON_PAPER, cards_as_json, cards_picture, cards_text, links_text, on_more_cards

    path = request.out or _CARDS_PICTURE
    rows = on_more_cards(situation, ON_PAPER)
    title = f"{situation.config.model.checkpoint}: hours over {situation.device.name} cards"
    write_whole({path: cards_picture(situation, title).encode()}, overwrite=True)
    if request.as_json:
        print_json(cards_as_json(rows, request.price_per_hour))
        return
    print_text(said_lines(cards_text(rows, request.price_per_hour)))
    print_text("\n" + said_lines(links_text(situation)))
    print_text(said(f"Picture: {path}"))


def calibrate(request: PlanRequest) -> None:
    """Measure this machine and keep its profile.

    Raises:
        YoyakError: a run of the folder of runs is under way: it would be measured too, and each plan be wrong.
    """
    from dataclasses import asdict

    refuse_unread(request.overrides, "plan --calibrate", ["experiment.output_dir"])

    import torch

    from ..planner.machine import profile_path, save_profile
    from ..search.under_way import worked_on
    from .calibrate import measure_machine
    from .train.busy_cores import busy_measurement_note

    runs = Path(load_config_with_sources(request.experiment, request.overrides)[0].experiment.output_dir)
    if name := next(worked_on(runs), None):
        raise YoyakError(f"{runs / name}: is under way, and would slow down what is measured; wait until it has ended")
    note = None if torch.cuda.is_available() else busy_measurement_note()
    if note:
        say_aside(note)
    device = measure_machine()
    if name := next(worked_on(runs), None):
        raise YoyakError(
            f"{runs / name}: has begun meanwhile, so what was measured is not kept; wait until it has ended"
        )
    save_profile(device)
    if request.as_json:
        print_json(asdict(device))
        return
    measured = (
        f"{device.name}: products {device.flops / 1e12:.2f} TFLOP/s, {device.bandwidth / 1e9:.0f} GB/s, "
        f"half of it at {device.product_half:.0f} rows, {1e6 * (device.launch or 0):.0f} us a call; "
        f"kept in {profile_path()}"
    )
    print_text(said(measured))
