"""Finds a config by name or path, merges it with its `_base_` files and the command line, and checks every value."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from ..errors import YoyakError, nearest
from ..resources import configs_dir
from .leaf import Leaf
from .limits import refuse_unsafe
from .located import BUNDLED, looks_local
from .provenance import COMMAND_LINE, SECTIONS, SETTINGS, known_setting, place, read_file, read_override, value_text
from .schema import Config

DEFAULT = "default"
_FOLDERS = ("experiments", "models", "base")
_SUFFIXES = (".yaml", ".yml")
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}
_LIMITS = {"ge": "of at least", "gt": "above", "le": "at most", "lt": "below"}
_LEAST_SLIP = 1_000
"""A bound from which on it is said only to whom it concerns."""
_MOST_FILES = 64
"""That a config is merged of, each counted as often as it is named."""


def load_config(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Load a config by name (`llama_3.2_3b`) or by the path of a YAML file.

    A name is looked up in `./configs`, then among the configs shipped with yoyak. Overrides, `section.key=value`, win
    over the files.

    Raises:
        YoyakError: The config is unknown, a file is broken, or a key or value is not allowed.
    """
    return load_config_with_sources(name_or_path, overrides)[0]


def load_config_with_sources(name_or_path: str | Path, overrides: Sequence[str] = ()) -> tuple[Config, dict[str, str]]:
    """Load a config as `load_config` does, and tell where each setting comes from.

    That is for every dotted setting `configs/models/x.yaml:7`, `command line` or `default`.
    """
    path = _find(name_or_path)
    leaves = _read_with_bases(path, (), [])
    leaves.update(read_override(text) for text in overrides)
    refuse_unsafe(leaves)
    sources = {setting: leaves[setting].source if setting in leaves else DEFAULT for setting in SETTINGS}
    leaves.setdefault("experiment.name", Leaf(path.stem, DEFAULT))
    config = _validate(leaves, path)
    if sources["model.revision"] == COMMAND_LINE:
        _refuse_unread_revision(config)
    return config, sources


def _refuse_unread_revision(config: Config) -> None:
    """Raise YoyakError for a revision of what is no hub's."""
    name = config.model.checkpoint
    here = looks_local(name) or os.path.isdir(os.path.expanduser(name))
    if config.model.revision is not None and (here or name.startswith(BUNDLED)):
        raise YoyakError(f"model.revision is of a hub's checkpoint, and {name} is none; leave it out")


def load_recorded(path: Path, settings: Mapping[str, object], overrides: Sequence[str] = ()) -> Config:
    """Return the config of settings that a run's record at `path` holds by section; overrides win over them.

    Raises:
        YoyakError: A key or value is not allowed; the file is named.
    """
    leaves: dict[str, Leaf] = {}
    for section, values in settings.items():
        for key, value in values.items() if isinstance(values, dict) else ():
            known_setting(f"{section}.{key}", place(path))
            leaves[f"{section}.{key}"] = Leaf(value, place(path))
    leaves |= dict(read_override(text) for text in overrides)
    refuse_unsafe(leaves)
    return _validate(leaves, path)


def leave_out_default_4bit(config: Config, sources: Mapping[str, str]) -> None:
    """Turn 4 bit off where all weights are to train, unless it is asked for on the command line.

    Raises:
        YoyakError: there both are asked for.
    """
    if config.lora.use_lora:
        return
    if sources["lora.use_qlora"] != COMMAND_LINE:
        config.lora.use_qlora = False
    if config.lora.use_qlora:
        raise YoyakError("lora.use_qlora without lora.use_lora: 4-bit weights can't be trained; leave one out")


def known_configs() -> dict[str, Path]:
    """Return every name that `load_config` knows, with its file; the user's own come first and win."""
    known: dict[str, Path] = {}
    for folder in _search_folders():
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        for file in files:
            if file.suffix in _SUFFIXES and not file.name.startswith("."):
                known.setdefault(file.stem, file)
    return known


def flatten(config: Config) -> dict[str, object]:
    """Return the value of every setting by its dotted key, in the schema's order."""
    return {setting: getattr(getattr(config, setting.split(".")[0]), setting.split(".")[1]) for setting in SETTINGS}


def differences(config: Config, base: Config) -> dict[str, tuple[object, object]]:
    """Return the settings in which two configs differ: dotted key -> (value in `base`, value in `config`)."""
    before = flatten(base)
    return {key: (before[key], value) for key, value in flatten(config).items() if value != before[key]}


def changed_config(config: Config, settings: Mapping[str, object], source: str) -> Config:
    """Return a copy of a config with other values of some settings, which come from `source`.

    Raises:
        YoyakError: a value that its setting refuses.
    """
    leaves = {name: Leaf(value, DEFAULT) for name, value in flatten(config).items()}
    return _validate(leaves | {name: Leaf(value, source) for name, value in settings.items()}, Path(source))


def _search_folders() -> Iterator[Path]:
    for root in dict.fromkeys([Path.cwd() / "configs", configs_dir().absolute()]):
        for folder in _FOLDERS:
            yield root / folder


def _find(name_or_path: str | Path) -> Path:
    """Return the absolute path of a config. Names contain dots, so only .yaml and .yml count as suffixes."""
    name = str(name_or_path)
    if name.endswith(_SUFFIXES) and os.path.isfile(os.path.expanduser(name)):
        return Path(os.path.abspath(os.path.expanduser(name)))
    known = known_configs()
    if name in known:
        return known[name]
    roots = " and ".join(dict.fromkeys(place(folder.parent) for folder in _search_folders()))
    hint = nearest(name, list(known)) or f"; known names: {', '.join(known)}"
    raise YoyakError(f"no config '{name}': neither a YAML file nor a name in {roots}{hint}")


def _read_with_bases(path: Path, children: tuple[Path, ...], read: list[Path]) -> dict[str, Leaf]:
    """Return the settings of a file and its bases: the file wins over its bases, later bases over earlier ones.

    `children` are the files that led here, to notice circles; `read` all that have been read, to notice that each of
    a few leads to all of the next few.
    """
    read.append(path)
    own, bases = read_file(path)
    chain = (*children, path)
    merged: dict[str, Leaf] = {}
    for base in bases:
        base_path = Path(os.path.normpath(path.parent / str(base.value)))
        if base_path in chain:
            circle = " -> ".join(place(file) for file in (*chain[chain.index(base_path) :], base_path))
            raise YoyakError(f"{base.source}: _base_ leads in a circle: {circle}")
        if not os.path.isfile(base_path):  # Path.is_file raises for names that are too long
            raise YoyakError(f"{base.source}: _base_ '{base.value}' does not exist: no file {place(base_path)}")
        if base_path.suffix not in _SUFFIXES:  # whatever else a stranger's config names is not read at all
            raise YoyakError(f"{base.source}: _base_ '{base.value}': must be a .yaml or .yml file")
        if len(read) >= _MOST_FILES:
            raise YoyakError(f"{base.source}: _base_ leads to more than {_MOST_FILES} files; name fewer")
        merged |= _read_with_bases(base_path, chain, read)
    return merged | own


def _validate(leaves: dict[str, Leaf], path: Path) -> Config:
    """Return the config with these settings, or raise with the first wrong one in plain words."""
    values: dict[str, dict[str, object]] = {section: {} for section in SECTIONS}
    for setting, leaf in leaves.items():
        section, key = setting.split(".")
        values[section][key] = leaf.value
    try:
        # Strict: "8" and true are no numbers, 1 is no truth value; whole numbers still pass as decimal ones.
        return Config.model_validate(values, strict=True)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    wrong = list(dict.fromkeys(".".join(map(str, problem["loc"][:2])) for problem in problems))
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    raise YoyakError(_explain(wrong[0], dict(problems[0]), leaves.get(wrong[0]), path) + more)


def _explain(setting: str, problem: dict[str, Any], leaf: Leaf | None, path: Path) -> str:
    """Return `configs/x.yaml:12: training.batch_size = 0: must be a whole number of at least 1`."""
    if problem["type"] == "missing":
        return f"{place(path)}: {setting} is not set; set it there or name a _base_ that does"
    if problem["type"].endswith("_type") or problem["type"].startswith(("greater", "less", "literal", "finite")):
        field = SETTINGS[setting]
        rule = f"must be {_allowed(field.annotation, field.metadata, too_large=problem['type'].startswith('less'))}"
    else:  # the schema's own checks, which speak plainly themselves, and pydantic's rarer ones
        rule = str(problem.get("ctx", {}).get("error") or problem["msg"])
    if leaf is None:
        return f"{place(path)}: {setting}: {rule}" if setting else f"{place(path)}: {rule}"
    return f"{leaf.source}: {setting} = {value_text(leaf.value)}: {rule}"


def _allowed(annotation: Any, limits: Sequence[Any] = (), too_large: bool = False) -> str:
    """Say in words which values a field's type and limits allow; what only bounds slips, where one is `too_large`."""
    if annotation in _WORDS:
        of_words = {  # of two limits of a kind, the later one is of the setting itself
            word: f"{word} {f'{bound:,}' if isinstance(bound, int) else f'{bound:g}'}"
            for limit in limits
            for name, word in _LIMITS.items()
            if (bound := getattr(limit, name, None)) is not None and (bound < _LEAST_SLIP or too_large)
        }
        bounds = list(of_words.values())
        return " ".join([_WORDS[annotation], " and ".join(bounds)]).strip()
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}" if len(arguments) > 1 else str(arguments[0])
    if origin is list:
        return f"a list such as [a, b]; each item must be {_allowed(arguments[0], (), too_large)}"
    if origin is dict:
        return "a mapping such as {lora.r: [8, 16]}"
    if origin is Annotated:
        limits = [limit for info in arguments[1:] if isinstance(info, FieldInfo) for limit in info.metadata]
        return _allowed(arguments[0], limits, too_large)
    return ", or ".join(_allowed(part, limits, too_large) for part in arguments)
