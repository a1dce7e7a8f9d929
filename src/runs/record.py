"""`run.json`: what a run is, what was resolved for it, how far it is, and its figures."""

import json
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..files import write_atomic
from ..redaction import redacted

_PACKAGES = ("torch", "transformers", "peft", "accelerate", "bitsandbytes", "tokenizers")


class RunFile:
    """The record of one run, written whole at each update (beside, then renamed)."""

    def __init__(self, folder: Path) -> None:
        """Write to `folder/run.json`; nothing is written yet."""
        self.path = folder / "run.json"
        self.content: dict[str, Any] = {}

    def update(self, **fields: Any) -> None:
        """Set fields, mappings merged leaf by leaf, without secrets, and write the file."""
        _merge(self.content, redacted(fields))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self.path, json.dumps(self.content, ensure_ascii=False, indent=1), durable=True)


def read_run_file(folder: Path) -> dict[str, Any] | None:
    """Return the content of a folder's `run.json`, or None where there is none or it can't be read."""
    try:
        content = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def now() -> str:
    """Return this moment in UTC as ISO 8601, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide a run's numbers."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def source_commit() -> str | None:
    """Return the git commit of this code, or None where it was installed from a wheel."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    done = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--verify", "-q", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None


def device_description() -> dict[str, Any]:
    """Return type, name, memory in bytes and threads of what the run computes on."""
    import psutil
    import torch

    from ..planner.machine import cpu_name

    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory
        return {"type": "cuda", "name": torch.cuda.get_device_name(), "memory_bytes": memory}
    return {
        "type": "cpu",
        "name": cpu_name(),
        "memory_bytes": psutil.virtual_memory().total,
        "threads": torch.get_num_threads(),
    }


def _merge(into: dict[str, Any], fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if isinstance(value, Mapping) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = dict(value) if isinstance(value, Mapping) else value
