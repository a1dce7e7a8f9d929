"""The command line of `yoyak plan`."""

import gc
from pathlib import Path
from typing import Annotated

import typer

from .given import refuse_given
from .options import AsJson, Experiment, Overrides

_OF_A_PLAN = (
    *("gpu", "memory_gb", "lengths", "cards", "hosts", "link", "network"),
    *("price_per_hour", "compare", "refine", "search", "out"),
)


def plan(
    context: typer.Context,
    overrides: Overrides = None,
    experiment: Experiment = "llama_3.2_3b",
    gpu: Annotated[str | None, typer.Option(help="Card to plan for, such as H100 or 'rtx 4090'; else this one.")] = (
        None
    ),
    memory_gb: Annotated[float | None, typer.Option(help="Memory of the card in 1e9 bytes.")] = None,
    lengths: Annotated[str | None, typer.Option(help="Tokens of examples by hand: mean,p95,max.")] = None,
    cards: Annotated[int, typer.Option(min=1, help="GPUs of a host that share the run.")] = 1,
    hosts: Annotated[int, typer.Option(min=1, help="Hosts with so many GPUs each.")] = 1,
    link: Annotated[str | None, typer.Option(help="Between GPUs: nvlink, pcie5, pcie4 or pcie3.")] = None,
    network: Annotated[
        str | None, typer.Option(help="Between hosts: ethernet400, ethernet100, ethernet25 or ethernet10.")
    ] = None,
    price_per_hour: Annotated[float | None, typer.Option(min=0, help="Price of the card, for the cost.")] = None,
    calibrate: Annotated[bool, typer.Option("--calibrate", help="Measure this machine, a minute at most.")] = False,
    compare: Annotated[bool, typer.Option("--compare", help="QLoRA, LoRA and full on several cards.")] = False,
    refine: Annotated[bool, typer.Option("--refine", help="The plan of yoyak refine instead of yoyak train.")] = False,
    search: Annotated[str | None, typer.Option(help="How many trials yoyak search has time for, such as 3h.")] = None,
    out: Annotated[Path | None, typer.Option(help="With --compare: file of the picture (SVG).")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a run takes, in memory and time, before it runs; needs no GPU."""
    gc.disable()  # the process is short, and looking for garbage is a tenth of its time
    from .plan import PlanRequest, show_plan

    if calibrate:
        refuse_given(context, _OF_A_PLAN, "--calibrate measures this machine and plans nothing")
    if not compare:
        refuse_given(context, ["out"], "a picture is drawn with --compare")
    if search is not None:
        refuse_given(context, ["price_per_hour"], "a search takes the time that it is given")
    if cards * hosts == 1:
        refuse_given(context, ["link", "network"], "one card is joined to none")
        if compare:
            refuse_given(context, ["price_per_hour"], "--compare of methods has cards of several prices")
    elif hosts == 1:
        refuse_given(context, ["network"], "one host is joined to none")
    show_plan(
        PlanRequest(
            experiment,
            overrides or [],
            gpu,
            memory_gb,
            lengths,
            price_per_hour,
            calibrate=calibrate,
            compare=compare,
            out=out,
            as_json=as_json,
            refine=refine,
            search=search,
            joined=(cards, hosts, link, network),
        )
    )
