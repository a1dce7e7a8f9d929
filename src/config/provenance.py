"""Reads settings from YAML so that each one remembers the file and line it comes from."""

import json
import os
import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NoReturn, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from ..errors import YoyakError
from .leaf import Leaf
from .limits import MAX_BYTES, MAX_DEPTH, ShallowLoader, TooDeepError, refuse_large
from .schema import Config

COMMAND_LINE = "command line"
SECTIONS: dict[str, dict[str, FieldInfo]] = {
    name: field.annotation.model_fields  # type: ignore[union-attr]  # every field of Config is a Section
    for name, field in Config.model_fields.items()
}
SETTINGS: dict[str, FieldInfo] = {
    f"{section}.{key}": field for section, fields in SECTIONS.items() for key, field in fields.items()
}

# What transformers, TRL, PEFT, Axolotl and LLaMA-Factory call our settings: hints for people who bring their habits.
_OTHER_NAMES = {
    "lr": "training.learning_rate",
    "num_train_epochs": "training.epochs",
    "per_device_train_batch_size": "training.batch_size",
    "per_device_eval_batch_size": "training.eval_batch_size",
    "warmup_steps": "training.warmup_ratio",
    "gradient_clipping": "training.max_grad_norm",
    "model_name_or_path": "model.checkpoint",
    "model_name": "model.checkpoint",
    "model_id": "model.checkpoint",
    "base_model": "model.checkpoint",
    "torch_dtype": "model.dtype",
    "bf16": "model.dtype",
    "fp16": "model.dtype",
    "flash_attn": "model.attn_implementation",
    "flash_attention": "model.attn_implementation",
    "lora_r": "lora.r",
    "lora_rank": "lora.r",
    "rank": "lora.r",
    "lora_target": "lora.target_modules",
    "lora_alpha": "lora.alpha",
    "lora_dropout": "lora.dropout",
    "load_in_4bit": "lora.use_qlora",
    "quantization_bit": "lora.use_qlora",
    "cutoff_len": "tokenizer.encoder_max_len",
    "sequence_len": "tokenizer.encoder_max_len",
    "max_seq_len": "tokenizer.encoder_max_len",
    "max_length": "tokenizer.encoder_max_len",
    "max_seq_length": "tokenizer.encoder_max_len",
    "max_new_tokens": "tokenizer.decoder_max_len",
    "run_name": "experiment.name",
}
_TAG = "tag:yaml.org,2002:"


class _Loader(ShallowLoader):
    """PyYAML's safe loader that reads numbers as YAML 1.2 does: `2e-5` is one, `010` not 8 and `1:30` not 90."""


_Loader.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)
for _first in "-+0123456789":  # of base 8 and 60 in YAML 1.1: text, before it is looked at as a number
    _Loader.yaml_implicit_resolvers[_first].insert(
        0, (f"{_TAG}str", re.compile(r"[-+]?(?:0[0-9_]+|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)$"))
    )


def place(path: Path, line: int | None = None) -> str:
    """Return `path:line` (lines count from 1) with the path relative to the current folder if it lies below it."""
    current = Path.cwd()
    shown = (path.relative_to(current) if path.is_relative_to(current) else path).as_posix()
    return shown if line is None else f"{shown}:{line}"


def value_text(value: object) -> str:
    """Return `value` on one line, as one would write it in YAML, cut after 80 characters."""
    text = json.dumps(value, ensure_ascii=False, default=str, skipkeys=True)
    return text if len(text) <= 80 else f"{text[:77]}..."


def read_file(path: Path) -> tuple[dict[str, Leaf], list[Leaf]]:
    """Return the settings that one YAML file holds, by dotted key, and the paths that its `_base_` names, as written.

    Raises:
        YoyakError: The file cannot be read or is not YAML, or it has an unknown, repeated or misplaced key.
    """
    leaves, bases = _read_settings(path, _read_text(path), os.getcwd())
    return dict(leaves), list(bases)


@lru_cache(maxsize=64)
def _read_settings(path: Path, text: str, folder: str) -> tuple[dict[str, Leaf], list[Leaf]]:
    """Return what `read_file` does of a text; `folder` is the current one, from which places are named.

    It is kept, since PyYAML takes milliseconds and a form's plan reads a config at each turn of a setting.
    """
    loader, root = _parse(text, lambda line: place(path, line))
    leaves: dict[str, Leaf] = {}
    bases: list[Leaf] = []
    if root is None or root.tag == f"{_TAG}null":
        return leaves, bases
    if not isinstance(root, yaml.MappingNode):
        raise YoyakError(f"{place(path, _line(root))}: expected sections with keys, such as 'training:', at the top")
    for name, key_node, node in _entries(root, path, ""):
        source = place(path, _line(key_node))
        if name == "_base_":
            bases = _read_bases(node, path)
            continue
        if name not in SECTIONS:
            raise YoyakError(f"{source}: unknown key '{name}'{_hint(name)}")
        if node.tag == f"{_TAG}null":  # a section whose keys are all commented out
            continue
        if not isinstance(node, yaml.MappingNode):
            value = _construct(loader, node, source)
            raise YoyakError(f"{source}: {name} = {value_text(value)}: must be a section with keys below it")
        for key, inner_key_node, value_node in _entries(node, path, f"{name}."):
            dotted, source = f"{name}.{key}", place(path, _line(inner_key_node))
            leaves[dotted] = Leaf(_value(loader, value_node, known_setting(dotted, source).annotation, source), source)
    return leaves, bases


def read_override(text: str) -> tuple[str, Leaf]:
    """Read `section.key=value`, the value being a YAML scalar or a list in brackets; text needs no quotes.

    Raises:
        YoyakError: There is no `=` or no key, the key is unknown, or the value is not YAML.
    """
    dotted, equals, written = (part.strip() for part in text.partition("="))
    if not equals or not dotted:
        raise YoyakError(f"{COMMAND_LINE}: {value_text(text)}: write section.key=value, such as training.batch_size=4")
    if dotted in SECTIONS:
        example = f"{dotted}.{next(iter(SECTIONS[dotted]))}"
        raise YoyakError(f"{COMMAND_LINE}: '{dotted}' is a section; set one of its keys, such as {example}=...")
    annotation = known_setting(dotted, COMMAND_LINE).annotation
    if _takes_text(annotation) and not written.startswith(("'", '"')):
        # As it stands, so that colons, brackets and '#' in paths and sentences mean nothing.
        loader = _Loader("")
        tag = loader.resolve(yaml.ScalarNode, written, (True, False))  # type: ignore[no-untyped-call]
        node: yaml.Node | None = yaml.ScalarNode(tag, written)
    else:
        loader, node = _parse(written, lambda line: f"{COMMAND_LINE}: {dotted}")
    return dotted, Leaf(None if node is None else _value(loader, node, annotation, COMMAND_LINE), COMMAND_LINE)


def _hint(dotted: str) -> str:
    """Return `; did you mean 'x'?` for the setting nearest to an unknown key, else the keys that its section has."""
    section, dot, word = dotted.rpartition(".")
    everywhere: dict[str, str] = {}
    for setting in SETTINGS:
        everywhere.setdefault(setting.rpartition(".")[2], setting)
    here = {key: f"{section}.{key}" for key in SECTIONS.get(section, {})} if dot else {name: name for name in SECTIONS}
    if word == "_base_":
        return "; _base_ belongs at the top of the file"
    guess = _OTHER_NAMES.get(word) or everywhere.get(word)
    for known in (here, everywhere):
        close = get_close_matches(word, list(known), n=1, cutoff=0.6)
        guess = guess or (known[close[0]] if close else None)
    if guess:
        return f"; did you mean '{guess}'?"
    return f"; known here: {', '.join(here or SECTIONS)}"


def _members(annotation: Any) -> list[Any]:
    """Return the alternatives of a field's type, without `Annotated`: `Annotated[int, ...] | None` -> int, None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _members(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [member for part in get_args(annotation) for member in _members(part)]
    return [annotation]


def known_setting(dotted: str, source: str) -> FieldInfo:
    """Return the field of a setting, or raise with the nearest known key."""
    if dotted not in SETTINGS:
        raise YoyakError(f"{source}: unknown key '{dotted}'{_hint(dotted)}")
    return SETTINGS[dotted]


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise YoyakError(f"{place(path)}: cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise YoyakError(f"{place(path)}: larger than {MAX_BYTES >> 10} KiB, so it is no config; check the path")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise YoyakError(f"{place(path, line)}: not UTF-8 text; save the file as UTF-8") from None


def _parse(text: str, locate: Callable[[int], str]) -> tuple[_Loader, yaml.Node | None]:
    """Return the loader (to construct values with) and the root node, None if there is nothing but comments."""

    def refuse(mark: yaml.Mark, reason: str) -> NoReturn:
        raise YoyakError(f"{locate(mark.line + 1)}: {reason}; write the settings out")

    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is not None:
            refuse_large(root, refuse)
        return loader, root
    except TooDeepError as error:
        refuse(error.mark, f"more than {MAX_DEPTH} levels")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = error.problem or error.context
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        problem = f"the character {value_text(text[error.position])} is not allowed"
    except (ValueError, OverflowError) as error:  # a \U escape out of range
        line, column, problem = 1, 1, str(error)
    raise YoyakError(f"{locate(line)}: broken YAML at column {column}: {problem}")


def _entries(mapping: yaml.MappingNode, path: Path, prefix: str) -> list[tuple[str, yaml.Node, yaml.Node]]:
    """Return (key, its node, the value's node) of a mapping whose keys must be words, each used once."""
    lines: dict[str, int] = {}
    for key_node, _ in mapping.value:
        line = _line(key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            raise YoyakError(f"{place(path, line)}: a key must be a single word")
        key = key_node.value
        if key in lines:
            raise YoyakError(f"{place(path, line)}: '{prefix}{key}' is set twice, first in line {lines[key]}; keep one")
        lines[key] = line
    return [(key_node.value, key_node, node) for key_node, node in mapping.value]


def _read_bases(node: yaml.Node, path: Path) -> list[Leaf]:
    items = node.value if isinstance(node, yaml.SequenceNode) else [node]
    for item in items:
        if not isinstance(item, yaml.ScalarNode) or not item.value or item.tag == f"{_TAG}null":
            raise YoyakError(f"{place(path, _line(item))}: _base_ must be the path of a YAML file, or a list of paths")
    return [Leaf(item.value, place(path, _line(item))) for item in items]


def _takes_text(annotation: Any) -> bool:
    return any(member is str or get_origin(member) is Literal for member in _members(annotation))


def _value(loader: _Loader, node: yaml.Node, annotation: Any, source: str) -> object:
    """Return the value of a setting of this type.

    Where the schema wants text, a bare word is text as it stands: `size: 3e1` is not 30.0, `name: 2026-01-01` no date,
    and `on` no truth value. Where it wants a number besides, as `auto` or 512, that is one.
    """
    if isinstance(node, yaml.SequenceNode):
        items = [get_args(member)[0] for member in _members(annotation) if get_origin(member) is list]
        if items:
            return [_value(loader, item, items[0], source) for item in node.value]
    standard_scalar = isinstance(node, yaml.ScalarNode) and node.tag.startswith(_TAG) and node.tag != f"{_TAG}null"
    wanted = {kind.__name__ for kind in (int, float, bool) if kind in _members(annotation)}
    is_own = node.tag in {_TAG + kind for kind in wanted | ({"int"} if "float" in wanted else set())}
    if not standard_scalar or is_own or not _takes_text(annotation):
        return _construct(loader, node, source)
    is_switch = any("on" in get_args(member) for member in _members(annotation))
    if is_switch and node.tag == f"{_TAG}bool":
        return "on" if _construct(loader, node, source) else "off"
    return node.value


def _construct(loader: _Loader, node: yaml.Node, source: str) -> object:
    try:
        return loader.construct_object(node, deep=True)
    except yaml.MarkedYAMLError as error:
        problem = error.problem
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:  # !!int x, 2026-13-45
        problem = str(error)
    raise YoyakError(f"{source}: the value cannot be read: {problem}")
