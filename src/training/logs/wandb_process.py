"""Weights & Biases in a process of its own: JSON lines in, so that training waits for no network.

    python -P wandb_process.py < lines     the first {"init": {...}}, then {"log": {...}} and {"summary": {...}}

Where the service can't be reached, the run is kept offline (`wandb sync` uploads it later). Once its input ends, it has
some minutes for what is not uploaded, and then leaves. It stands alone, since it is run as a file.
"""

import json
import os
import sys
import threading
from typing import Any

_LAST_UPLOADS_SECONDS = 300.0
_INIT_SECONDS = 30.0


def main() -> None:
    """Read lines until the input ends."""
    lines = (json.loads(line) for line in sys.stdin)
    first = next(lines, None)
    if first is None:
        return
    run = _start(first["init"])
    for line in lines:
        if "log" in line:
            run.log(line["log"])
        for name, value in line.get("summary", {}).items():
            run.summary[name] = value
    last = threading.Timer(float(os.environ.get("YOYAK_WANDB_LAST_SECONDS", _LAST_UPLOADS_SECONDS)), os._exit, (0,))
    last.daemon = True
    last.start()
    run.finish()


def _start(arguments: dict[str, Any]) -> Any:
    """Start the run, offline where the service doesn't answer."""
    import wandb

    settings = wandb.Settings(init_timeout=_INIT_SECONDS, console="off", silent=True)
    try:
        run = wandb.init(**arguments, settings=settings)
    except Exception as error:  # its kinds change with wandb's version; none of them is worth the run's record
        print(f"wandb: {error}; kept offline", file=sys.stderr)
        run = wandb.init(**arguments, settings=settings, mode="offline")
    run.define_metric("train/global_step")
    run.define_metric("*", step_metric="train/global_step", step_sync=True)
    return run


if __name__ == "__main__":
    main()
