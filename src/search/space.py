"""What is searched: settings with ranges or choices, the method's own and those of `search.space`."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args, get_origin

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from ..config.effects import OF_A_NEW_ADAPTER
from ..config.loader import changed_config
from ..config.provenance import SETTINGS, known_setting, value_text
from ..config.schema import Config
from ..errors import YoyakError
from ..planner.job import method_of

Space = dict[str, BaseDistribution]
Settings = dict[str, Any]
"""Values by the dotted names of settings."""

_LORA: Settings = {
    "training.learning_rate": {"low": 1e-4, "high": 4e-3, "log": True},
    "training.epochs": [1, 2, 3, 4],
    "lora.r": [8, 16, 32, 64],
    "lora.dropout": [0.0, 0.05, 0.1],
    "training.weight_decay": {"low": 0.0, "high": 0.2},
    "training.warmup_ratio": {"low": 0.0, "high": 0.2},
}
SHIPPED: dict[str, Settings] = {
    "lora": _LORA,
    "qlora": _LORA,
    "full": {
        "training.learning_rate": {"low": 3e-6, "high": 3e-4, "log": True},
        "training.epochs": [1, 2, 3, 4],
        "training.weight_decay": {"low": 0.0, "high": 0.2},
        "training.warmup_ratio": {"low": 0.0, "high": 0.2},
    },
}
"""What is searched for each method place the config says nothing else.

The rates are around those at which LoRA learned in our own runs (spec: 1e-3 on a 135M model, 2e-4 on 3B) and the usual
ones of full fine-tuning; ranks and dropout are those of Hu et al. 2021 and Dettmers et al. 2023.
"""
_FIXED = ("experiment.", "search.", "evaluation.", "model.", "refine.", "data.train", "data.eval", "data.test")
_FIXED_TOO = ("data.max_eval_examples", "tokenizer.decoder_max_len", "lora.adapter", "training.report_to")
_FORM = "give choices, as [8, 16], or a range, as {low: 1e-4, high: 1e-2, log: true}"
_EPOCHS, _STEPS = "training.epochs", "training.max_steps"
_KEYS = ("low", "high", "log", "step")


def search_space(config: Config, source: str = "search.space") -> Space:
    """Return what is searched, by setting: the method's own ranges and those of `search.space`.

    Args:
        config: all settings.
        source: place `search.space` was set, for errors.

    Raises:
        YoyakError: a setting that is unknown, decides what is measured or nothing at all, a range that is none, or one
            with values that the setting refuses.
    """
    for name in config.search.space:
        known_setting(name, source)
    wanted = SHIPPED[method_of(config)] | config.search.space
    for name in _of_no_adapter(config, wanted):
        if config.search.space.get(name) is not None:
            why = "lora.adapter stays as it is" if config.lora.use_lora else "all weights train, no adapter"
            raise YoyakError(f"{source}: {name} decides nothing: {why}; leave it out")
        del wanted[name]
    if _steps_decide(config):
        if config.search.space.get(_EPOCHS) is not None:
            raise YoyakError(
                f"{source}: training.max_steps decides when trials end, and training.epochs nothing; leave one out"
            )
        del wanted[_EPOCHS]
    space = {name: _distribution(config, name, form, source) for name, form in wanted.items() if form is not None}
    if not space:
        raise YoyakError(f"{source}: nothing is left to search; {_FORM}")
    return space


def decoded(params: Mapping[str, Any]) -> Settings:
    """Return values of settings from those of Optuna, which keeps lists as JSON."""
    return {name: json.loads(v) if isinstance(v, str) and v.startswith("[") else v for name, v in params.items()}


def own_params(config: Config, space: Space) -> Settings | None:
    """Return a config's own place in a space; None place it lies outside."""
    found: Settings = {}
    for name, distribution in space.items():
        section, key = name.split(".")
        value = _encoded(getattr(getattr(config, section), key))
        if isinstance(distribution, CategoricalDistribution):
            if value not in distribution.choices:
                return None
            value = next(choice for choice in distribution.choices if choice == value)
        elif not (_is_number(value) and distribution.low <= value <= distribution.high):  # type: ignore[attr-defined]
            return None
        found[name] = value
    return found


def _of_no_adapter(config: Config, wanted: Settings) -> list[str]:
    """Return the settings of a new adapter, or of any, in trials that make none."""
    if "lora.use_lora" in wanted or (config.lora.use_lora and config.lora.adapter is None):
        return []
    of_new = tuple(f"lora.{name}" for name in OF_A_NEW_ADAPTER)
    return [name for name in wanted if name in of_new or (not config.lora.use_lora and name.startswith("lora."))]


def _steps_decide(config: Config) -> bool:
    """Tell whether `training.max_steps` ends each trial, whatever `training.epochs` says."""
    tried = config.search.space.get(_STEPS)
    return config.training.max_steps is not None if tried is None else not isinstance(tried, list) or None not in tried


def _distribution(config: Config, name: str, form: Any, source: str) -> BaseDistribution:
    if name.startswith(_FIXED) or name in _FIXED_TOO:
        raise YoyakError(f"{source}: {name} can't be searched: trials would not be alike; leave it out")
    place = f"{source}: {name} = {value_text(form)}"
    if isinstance(form, list) and form:
        choices = [_encoded(value) for value in form]
        for value in form:
            changed_config(config, {name: value}, source)
        if any(not isinstance(choice, str | int | float | bool | None) for choice in choices):
            raise YoyakError(f"{place}: {_FORM}")
        return CategoricalDistribution(list(dict.fromkeys(choices)))
    if not isinstance(form, dict) or not {"low", "high"} <= form.keys() <= set(_KEYS):
        raise YoyakError(f"{place}: {_FORM}")
    numbers: list[Any] = [form.get(key) for key in _KEYS]
    low, high, log, step = numbers
    if not _is_number(low) or not _is_number(high) or low >= high:
        raise YoyakError(f"{place}: low must be a number below high")
    if step is not None and not (_is_number(step) and 0 < step <= high - low):
        raise YoyakError(f"{place}: step must be a number above 0 that fits between low and high")
    if step is not None and (Decimal(str(high)) - Decimal(str(low))) % Decimal(str(step)):
        raise YoyakError(f"{place}: high can't be reached from low in whole steps")
    if log not in (None, True, False) or (log and (low <= 0 or step is not None)):
        raise YoyakError(f"{place}: log must be true or false, and needs low above 0 and no step")
    for value in (low, high):
        changed_config(config, {name: value}, source)
    whole = all(isinstance(value, int) for value in (low, high, step or 0)) and not _takes_floats(name)
    if not whole and not _takes_floats(name):
        raise YoyakError(f"{place}: {name} takes whole numbers only; give low and high as such")
    if whole:
        return IntDistribution(low, high, log=bool(log), step=step or 1)
    return FloatDistribution(float(low), float(high), log=bool(log), step=step)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _takes_floats(name: str) -> bool:
    return float in _types(SETTINGS[name].annotation)


def _types(annotation: Any) -> set[Any]:
    if get_origin(annotation) in (None, Literal):
        return {annotation}
    parts = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    return {kind for part in parts for kind in _types(part)}


def _encoded(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value
