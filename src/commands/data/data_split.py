"""`yoyak data split`: a training and an evaluation file, or folds, out of one file."""

import os
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...bilingual import count
from ...config.typed import typed
from ...errors import YoyakError, nearest
from ..console import create_console, print_json
from .data_files import (
    files_and_config,
    read_all_columns,
    table_bytes,
    typed_columns,
    write_whole,
    written_suffix,
)

if TYPE_CHECKING:
    from ...data.files.sources import DialogueTable
    from ...data.tools.split import Split


@dataclass(frozen=True)
class SplitRequest:
    """What to split, how, and the folder for the parts."""

    file: str
    overrides: Sequence[str]
    out: Path
    experiment: str
    eval_share: float | None = None
    folds: int | None = None
    seed: int = 42
    by: str = "topic"
    group_by: str | None = None
    overwrite: bool = False
    as_json: bool = False


def split(request: SplitRequest) -> None:
    """Write `train` and `dev`, or `fold_0/train`, `fold_0/dev`, ..., and say what was kept together."""
    console = create_console(stderr=request.as_json)
    if request.by not in ("topic", "none"):
        raise YoyakError(f"--by {request.by}: choose topic or none{nearest(request.by, ['topic', 'none'])}")
    if request.folds is not None and request.eval_share is not None:
        raise YoyakError("--folds and --eval-share exclude each other: each of K folds evaluates on 1/K of the rows")
    files, config = files_and_config([request.file, *request.overrides], request.experiment, "data split")
    if len(files) > 1:
        raise YoyakError(f"{files[1]}: one file is split at a time; an override is KEY=VALUE")
    table = read_all_columns(request.file, config, console)
    parts, plan = _parts(request, table)
    _refuse_older_folds(request)
    suffix = written_suffix(request.file)
    paths = {name: request.out / f"{name}{suffix}" for name in parts}
    _refuse_input(request, paths.values())
    contents = {
        paths[name]: table_bytes([table.values[row] for row in rows], suffix, request.file, table.encoding)
        for name, rows in parts.items()
    }
    write_whole(contents, request.overwrite)
    report = _report(request, table, parts, plan, suffix)
    if request.as_json:
        print_json(report)
        return
    for line in _sentences(request, report):
        console.print(line)


def _parts(request: SplitRequest, table: "DialogueTable") -> "tuple[dict[str, list[int]], Split]":
    """Return the rows of each file by its name without suffix, and the split that they come from."""
    from ...data.tools.split import split_folds, split_rows

    by_topic, groups = request.by == "topic", _groups(request, table)
    if request.folds is None:
        share = 0.1 if request.eval_share is None else request.eval_share
        plan = split_rows(table.rows, share, seed=request.seed, by_topic=by_topic, groups=groups)
        return {"train": plan.rows(0), "dev": plan.rows(1)}, plan
    plan = split_folds(table.rows, request.folds, seed=request.seed, by_topic=by_topic, groups=groups)
    parts: dict[str, list[int]] = {}
    for fold in range(request.folds):
        parts |= {f"fold_{fold}/train": plan.rows_but(fold), f"fold_{fold}/dev": plan.rows(fold)}
    return parts, plan


def _groups(request: SplitRequest, table: "DialogueTable") -> list[Hashable | None] | None:
    """Return the cell of `--group-by` of each row, None where it is empty."""
    if request.group_by is None:
        return None
    from ...data.files.blank_rows import is_blank

    columns = list(dict.fromkeys(column for values in table.values for column in values))
    if request.group_by not in columns:
        hint = nearest(request.group_by, columns)
        raise YoyakError(f"{request.file}: no column '{request.group_by}'{hint}; its columns are {', '.join(columns)}")
    cells = [values.get(request.group_by) for values in table.values]
    return [None if is_blank(cell) else str(cell).strip() for cell in cells]


def _refuse_input(request: SplitRequest, paths: Iterable[Path]) -> None:
    """Refuse a part in the place of the file itself, whose other rows would be lost."""
    source = Path(os.path.expanduser(request.file)).resolve()
    for path in paths:
        if path.resolve() == source:
            raise YoyakError(f"{path}: is the input itself; name another folder with --out")


def _refuse_older_folds(request: SplitRequest) -> None:
    """Refuse a folder with more folds than this split has: five old ones and three new ones are no eight."""
    folds = {request.out / f"fold_{fold}" for fold in range(request.folds or 0)}
    older = sorted(set(request.out.glob("fold_*")) - folds) if request.out.is_dir() else []
    if request.folds and older:
        raise YoyakError(f"{older[0]}: is of another split; remove it, or name another folder with --out")


def _report(
    request: SplitRequest, table: "DialogueTable", parts: dict[str, list[int]], plan: "Split", suffix: str
) -> dict[str, Any]:
    topics = [row.topic for row in table.rows if row.topic]
    return {
        "source": request.file,
        "rows": len(table.rows),
        "files": {str(request.out / f"{name}{suffix}"): len(rows) for name, rows in parts.items()},
        "seed": request.seed,
        "by": request.by,
        "topics": len(set(topics)),
        "group_by": request.group_by,
        "kept_together": {
            "groups": len(plan.together),
            "rows": sum(map(len, plan.together)),
            "largest": max(map(len, plan.together), default=0),
        },
    }


def _sentences(request: SplitRequest, report: dict[str, Any]) -> list[str]:
    from ...data.tools.duplicates import NEAR_JACCARD

    lines = [f"{rows:>8,} {'row ' if rows == 1 else 'rows'}  {path}" for path, rows in report["files"].items()]
    kept = report["kept_together"]
    same = f"equal or nearly equal dialogues (word trigrams, Jaccard {NEAR_JACCARD:g} or more)"
    if request.group_by:
        same += f" and rows of one '{request.group_by}'"
    if kept["groups"]:
        lines.append(
            f"Kept on one side: {same}: {kept['rows']:,} rows in {count(kept['groups'], 'group')}, the largest of "
            f"{kept['largest']:,}"
        )
    else:
        lines.append(f"No {same}")
    if request.by == "topic" and report["topics"]:
        lines.append(f"Dealt out by topic ({report['topics']:,} of them, rare ones together); seed {request.seed}")
    else:
        lines.append(f"Dealt out at random; seed {request.seed}")
    train, dev = list(report["files"])[:2]
    files = [typed("data.train", train), typed("data.eval", dev)]
    lines.append(f"Next: yoyak train -e CONFIG {' '.join([*files, *typed_columns(request.overrides)])}")
    return lines
