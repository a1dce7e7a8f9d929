"""Which adapter a refined one was refined from, with whose samples MBR compares."""

import os
from collections.abc import Callable
from pathlib import Path

from ..bilingual import Text
from ..config.located import found_again
from ..config.schema import Config
from ..errors import YoyakError
from ..runs.record import read_record
from .saved_settings import load_settings, run_of, settings_file


def mbr_start(
    config: Config, refining: bool = False, say: Callable[[Text], None] = lambda sentence: None
) -> Path | None:
    """Return the adapter before refining whose samples MBR compares with; None where there are only the model's own.

    Where a model was refined several times it is the one before the first. With `refining` the config is that of a
    refining, whose model goes on from the config's. `say` is called where `auto` finds a refined model without it.

    Raises:
        YoyakError: `generation.mbr_references` is `start`, and there is none.
    """
    how = config.generation
    if not how.mbr_samples or how.mbr_references == "own":
        return None
    model = Path(os.path.expanduser(config.lora.adapter or config.model.checkpoint))
    is_refined = refining or _is_refined(model)
    if not is_refined and how.mbr_references == "auto":
        return None
    found = _before_refining(config, model, refining) if is_refined else _NOT_REFINED
    if isinstance(found, Path):
        return found
    if how.mbr_references == "start":
        raise YoyakError(f"generation.mbr_references = start: {model}: {found}; set generation.mbr_references=own")
    say(
        Text(
            f"MBR: the samples are compared with each other alone: {model}: {found}",
            f"MBR: 표본끼리만 비교합니다. {model}: {found.ko}",
        )
    )
    return None


_NOT_REFINED = Text("was not made by yoyak refine", "yoyak refine으로 만든 모델이 아닙니다")


def _before_refining(config: Config, model: Path, refining: bool) -> Path | Text:
    """Return the adapter from before a model's first refining, or why it can't draw."""
    from ..models.adapter_values import same_form

    if config.lora.adapter is None:
        return Text("two whole models are not loaded", "전체 모델 둘을 함께 읽지는 않습니다")
    start, seen = (model, set[Path]()) if refining else (_went_on_from(model), {model})
    while _is_refined(start) and start not in seen:
        seen.add(start)
        start = _went_on_from(start)
    if not (start / "adapter_model.safetensors").is_file():
        return Text(f"{start}, from before refining, is not there", f"refine 전의 {start}이(가) 없습니다")
    if not same_form(model, start):
        return Text(f"{start} is no longer the one before refining", f"{start}은(는) 이제 refine 전의 것이 아닙니다")
    return start


def _is_refined(model: Path) -> bool:
    """Tell whether a folder is the final model of a refining."""
    record = read_record(run_of(model)) if settings_file(model) else None
    return record is not None and record.refine is not None


def _went_on_from(model: Path) -> Path:
    """Return the adapter that the run which wrote a final model went on from, by the settings beside it."""
    file = settings_file(model)
    assert file is not None  # it is refined
    saved = found_again(load_settings(file, ["model.trust_remote_code=false"]), run_of(model) / model.name, ())
    return Path(os.path.expanduser(saved.lora.adapter or model))
