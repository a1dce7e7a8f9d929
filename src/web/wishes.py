"""From a form's fields to a run: an experiment and what overrides it, checked as the command line is."""

import math
import shlex
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import yaml

from ..config.loader import DEFAULT, flatten, known_configs, load_config_with_sources
from ..config.provenance import SETTINGS, read_override
from ..config.schema import Config
from ..errors import YoyakError
from .place import Place
from .planning import RunWish, known_card
from .setting_fields import METHODS_OF_TRAINING, NEVER, typed_value

MEMORY_FIELD, PRICE_FIELD = "memory_gb", "price_per_hour"
"""Fields that the plan beside a form has besides the card."""
_FIRST = "quickstart"
_DATA = ("data.train", "data.eval")
LONGEST_VALUE = 4000


def experiment_of(fields: Sequence[tuple[str, str]]) -> str:
    """Return the experiment that a form names; YoyakError where it is no name of a config."""
    name = dict(fields).get("experiment", _FIRST)
    if name not in known_configs():  # also what keeps a typed path from being read
        load_config_names = ", ".join(known_configs())
        raise YoyakError(
            f"no config '{name[:100]}': neither a YAML file nor a name here; known names: {load_config_names}"
        )
    return name


def wish_of(fields: Sequence[tuple[str, str]], place: Place) -> RunWish:
    """Return the run that a form asks for: what differs from the experiment becomes an override.

    Raises:
        YoyakError: an unknown experiment, setting or card.
    """
    experiment = experiment_of(fields)
    given = {name: value.strip() for name, value in fields if "." in name}
    method = METHODS_OF_TRAINING.get(dict(fields).get("method", ""))
    if method is not None:
        given |= {"lora.use_lora": method[1], "lora.use_qlora": method[2]}
    config, sources = load_config_with_sources(experiment)
    values = flatten(config)
    overrides = []
    for name, text in given.items():
        if name in NEVER:
            raise YoyakError(f"{name} can't be set here: {NEVER[name]}")
        if name not in SETTINGS:
            read_override(f"{name[:200]}=")  # says which is meant
        if len(text) > LONGEST_VALUE:
            raise YoyakError(f"{name}: longer than {LONGEST_VALUE:,} characters; put it into a YAML file")
        if _on_one_line(text) != _on_one_line(typed_value(values[name])):
            overrides.append(f"{name}={text or 'null'}")
    if place.runs != Path(str(values["experiment.output_dir"])):
        overrides.append(f"experiment.output_dir={place.runs}")
    gpu = known_card(dict(fields).get("gpu", ""))
    set_by = {name for name in _DATA if sources[name] != DEFAULT}
    named = set_by | {name for name in _DATA if any(one.startswith(f"{name}=") for one in overrides)}
    memory_gb, price = (_number_of(fields, name) for name in (MEMORY_FIELD, PRICE_FIELD))
    return RunWish(experiment, tuple(overrides), gpu, frozenset(named), memory_gb, price)


def _on_one_line(text: str) -> str:
    """Return a value as a browser sends that of a field, in which it was shown."""
    return text.replace("\r", "").replace("\n", "").strip()


def _number_of(fields: Sequence[tuple[str, str]], name: str) -> float | None:
    """Return a figure of the plan's, None where the field is empty; YoyakError for what is none."""
    text = dict(fields).get(name, "").strip()
    if not text:
        return None
    with suppress(ValueError):
        if 0 <= (number := float(text)) < math.inf:
            return number
    raise YoyakError(f"--{name.replace('_', '-')} {text[:100]}: must be a number of at least 0, such as 0.8")


def free_name(config: Config, place: Place, waiting: Collection[str] = ()) -> str:
    """Return the config's name for a run, with a number behind it where that is taken, or waits."""
    name, number = config.experiment.name, 1
    while (place.runs / name).exists() or name in waiting:
        number += 1
        name = f"{config.experiment.name}_{number}"
    return name


def command_line(wish: RunWish) -> str:
    """Return the command that starts a run, as one types it."""
    return shlex.join(["yoyak", *wish.words])


def plan_line(wish: RunWish) -> str:
    """Return the command that prints a run's plan, as one types it."""
    return shlex.join(["yoyak", *wish.plan_words])


def yaml_of(wish: RunWish) -> str:
    """Return the same run as a YAML file, for `configs/experiments/NAME.yaml`."""
    base = known_configs()[wish.experiment]
    near = Path.cwd() / "configs"
    named = f"../{base.relative_to(near)}" if base.is_relative_to(near) else str(base)
    content: dict[str, object] = {"_base_": named}
    for override in wish.overrides:
        name, leaf = read_override(override)
        section, key = name.split(".")
        part = content.setdefault(section, {})
        assert isinstance(part, dict)
        part[key] = leaf.value
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=100)
