"""Another adapter's values on a loaded model, for a while: the base is there once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict
from safetensors import SafetensorError, safe_open

from ..errors import YoyakError
from .adapter_config import saved_setting
from .adapters import biases_allowed
from .text_part import name_in_text

_WEIGHTS = "adapter_model.safetensors"
_SCALES = ("r", "lora_alpha", "use_rslora", "use_dora", "rank_pattern", "alpha_pattern", "init_lora_weights")


def same_form(one: Path, other: Path) -> bool:
    """Tell whether two folders hold adapters whose values fit in each other's place; False where one can't be read."""
    shapes = [_shapes(folder) for folder in (one, other)]
    scales = [[saved_setting(folder, name) for name in _SCALES] for folder in (one, other)]
    return bool(shapes[0]) and shapes[0] == shapes[1] and scales[0] == scales[1]


def _shapes(folder: Path) -> dict[str, list[int]]:
    try:
        with safe_open(folder / _WEIGHTS, framework="pt") as file:
            return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118  # it is no mapping
    except (OSError, SafetensorError):
        return {}


class AdapterValues:
    """The values of a saved adapter that has the form of a model's own."""

    def __init__(self, model: Any, folder: Path) -> None:
        """Read the values to the device of the model's own.

        Raises:
            YoyakError: they have another form.
        """
        self._own = _values(model)
        device = str(next(iter(self._own.values())).device)
        with safe_open(folder / _WEIGHTS, framework="pt", device=device) as file:
            self._values = {name_in_text(name): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if {name: x.shape for name, x in self._own.items()} != {name: x.shape for name, x in self._values.items()}:
            raise YoyakError(f"{folder}: holds another adapter than the one that is loaded was refined from")

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have these values; its own come back to the bit."""
        kept = {name: value.clone() for name, value in self._own.items()}
        try:
            self._put(self._values)
            yield
        finally:
            self._put(kept)

    def _put(self, values: dict[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, value in self._own.items():
                value.copy_(values[name])


def _values(model: Any) -> dict[str, torch.Tensor]:
    """Return the values of a model's adapter by the names that a file has for them, as they lie in the model."""
    with biases_allowed():
        values: dict[str, torch.Tensor] = get_peft_model_state_dict(model, save_embedding_layers=False)
    return values
