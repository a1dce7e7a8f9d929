"""`yoyak quickstart`: a real run on the shipped sample dialogues, nothing else needed."""

from pathlib import Path

from ...models.bundled import bundled_model, is_bundled_here
from ..console import create_console
from .request import TrainRequest
from .train import train_run

QUICKSTARTS_KO = ("quickstart_ko_gemma", "quickstart_ko")
"""Configs of the Korean quickstart: with a model that knows Korean, and with the one that is always here."""
_KNOWS_KOREAN = "gemma3-270m"


def run_quickstart(korean: bool = False, overrides: list[str] | None = None) -> Path:
    """Train and score a bundled model on the samples into `outputs/quickstart[_ko]/`, replacing an earlier one."""
    if korean and not is_bundled_here(_KNOWS_KOREAN):
        name = bundled_model(_KNOWS_KOREAN).hub_name
        better = f"{name} does, and trains in less time: yoyak models fetch {_KNOWS_KOREAN}"
        create_console().print(f"SmolLM2 knows hardly any Korean; {better}", style="yellow")
    return train_run(TrainRequest(quickstart_experiment(korean), overrides or [], overwrite=True))


def quickstart_experiment(korean: bool) -> str:
    """Return the config that the quickstart trains: of a model that knows the language, where one is here."""
    if not korean:
        return "quickstart"
    return QUICKSTARTS_KO[0 if is_bundled_here(_KNOWS_KOREAN) else 1]
