"""A benchmark's line of JSON: where it was measured, and where it goes."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any


def measured_at() -> dict[str, Any]:
    """Return date, device, versions and commit."""
    import torch

    from src.runs.record import package_versions

    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {
        "date": time.strftime("%Y-%m-%d"),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": package_versions(),
        "commit": commit.stdout.strip() or None,
    }


def print_line(line: dict[str, Any], out: Path | None) -> None:
    """Print the line, and append it to a file where one is given."""
    print(json.dumps(line), flush=True)
    append_line(line, out)


def append_line(line: dict[str, Any], out: Path | None) -> None:
    """Append the line to a file where one is given."""
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
