"""`final_model/`: what a run is made for, whole or not there."""

import shutil
from pathlib import Path
from typing import Any

import yaml
from peft import PeftModel

from ...config.located import located
from ...config.schema import Config
from ...files import folder_beside
from ...models.adapters import biases_allowed
from ...runs.disk import raise_if_disk_full


def write_final_model(
    run_dir: Path, model: Any, tokenizer: Any, config: Config, weights: dict[str, Any] | None = None
) -> Path:
    """Write adapter or model, tokenizer and the config as `yoyak.yaml` to `run_dir/final_model`; return the folder.

    It is written beside, flushed to the disk and renamed.

    Raises:
        YoyakError: the disk is full.
    """
    final = run_dir / "final_model"
    for half in run_dir.glob(".final_model.*"):  # of a process that was killed
        shutil.rmtree(half, ignore_errors=True)
    try:
        with folder_beside(final, durable=True) as beside:
            save_model(model, beside, weights)
            tokenizer.save_pretrained(beside)
            settings = yaml.safe_dump(located(config).model_dump(), allow_unicode=True, sort_keys=False)
            (beside / "yoyak.yaml").write_text(settings, encoding="utf-8")
    except Exception as error:  # each library says in its own way that the disk is full
        raise_if_disk_full(error, run_dir)
        raise
    return final


def save_model(model: Any, folder: Path, weights: dict[str, Any] | None = None) -> None:
    """Write adapter or model to `folder` as safetensors; `weights` are the model's where it holds only a part."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, PeftModel):
        with biases_allowed():
            model.save_pretrained(str(folder), save_embedding_layers=False)
    else:
        model.save_pretrained(str(folder), state_dict=weights)
