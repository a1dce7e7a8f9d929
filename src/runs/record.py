"""`run.json` as a run writes it, and what it says of the machine and the packages."""

import json
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..files import write_atomic
from ..redaction import redacted
from .schema import RECORD_FILE, RunDevice, RunRecord

_PACKAGES = ("torch", "transformers", "peft", "accelerate", "bitsandbytes", "tokenizers", "triton", "fla-core")


class RunFile:
    """The record of one run, written whole at each update."""

    def __init__(self, folder: Path, record: RunRecord | None = None, writes: bool = True) -> None:
        """Write to `folder/run.json`, beginning with what `record` says; nothing is written yet.

        Without `writes` it is only kept: of several processes that train a run one writes.
        """
        self.path, self.record, self._writes = folder / RECORD_FILE, record or RunRecord(), writes

    def update(self, fields: RunRecord) -> None:
        """Set what `fields` has set, parts and mappings leaf by leaf, without secrets, and write the file."""
        content = _merged(self.record.as_dict(), redacted(fields.as_dict()))
        self.record = RunRecord.model_validate(content)
        if not self._writes:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self.path, json.dumps(self.record.as_dict(), ensure_ascii=False, indent=1), durable=True)


def read_record(folder: Path) -> RunRecord | None:
    """Return what a folder's `run.json` says, for those who can do without it.

    None where there is none, or where it is no record; of one that was changed by hand, all but the fields that are
    broken. Reports are strict: `read.read_run`.
    """
    try:
        content = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    try:
        return RunRecord.model_validate(content)
    except ValidationError as error:
        broken = {part["loc"][0] for part in error.errors(include_url=False)}
        return RunRecord.model_validate({name: value for name, value in content.items() if name not in broken})


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


def device_description() -> RunDevice:
    """Return what the run computes on."""
    import psutil
    import torch

    from ..planner.machine import cpu_name

    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory
        return RunDevice(type="cuda", name=torch.cuda.get_device_name(), memory_bytes=memory)
    memory = psutil.virtual_memory().total
    return RunDevice(type="cpu", name=cpu_name(), memory_bytes=memory, threads=torch.get_num_threads())


def _merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return a mapping with changes, mappings within it leaf by leaf."""
    whole = dict(values)
    for name, value in changes.items():
        before = whole.get(name)
        whole[name] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return whole
