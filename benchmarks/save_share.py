"""What checkpoints cost: seconds and bytes of one, and their share of the time at the default interval.

    python benchmarks/save_share.py [EXPERIMENT] [KEY=VALUE]...

Trains four steps of an experiment (by default the quickstart's model and settings) and saves after each. The share is
that of one saving at the interval at which `training.save_minutes` (default) lets it come. Prints one JSON line.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

STEPS = 4


def main() -> None:
    """Train, measure and print."""
    from src.commands.console import quiet_libraries
    from src.commands.train.config import resolve_config
    from src.commands.train.folder import TrainRequest
    from src.commands.train.train import train_config
    from src.config.schema import TrainingSettings
    from src.training.state.checkpointed_trainer import CheckpointedTrainer
    from src.training.state.recovery import RecoverySaves

    quiet_libraries()
    seconds: list[float] = []
    write = CheckpointedTrainer._save_checkpoint

    def timed(self: Any, *arguments: Any) -> None:
        write(self, *arguments)
        seconds.append(self.last_save_seconds)

    CheckpointedTrainer._save_checkpoint = timed  # type: ignore[method-assign]
    experiment, overrides = (sys.argv[1:2] or ["quickstart"])[0], sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        few = [f"training.max_steps={STEPS}", "training.save_steps=1", f"experiment.output_dir={folder}"]
        few += ["data.max_train_examples=8", "data.max_eval_examples=2", "evaluation.generate=false"]
        few += ["training.batch_size=1", "training.gradient_accumulation_steps=1"]
        request = TrainRequest(experiment, [*few, *overrides])
        run = train_config(resolve_config(request), request)
        record = json.loads((run / "run.json").read_text(encoding="utf-8"))
        newest = run / "checkpoints" / f"checkpoint-{STEPS}"
        size = sum(path.stat().st_size for path in newest.iterdir())
    one = statistics.median(seconds)

    class Measured:
        last_save_seconds = one

    interval = RecoverySaves(Measured(), None, TrainingSettings().save_minutes).interval_seconds()  # type: ignore[arg-type]
    print(
        json.dumps(
            {
                "benchmark": "save_share",
                "model": record["config"]["model"]["checkpoint"],
                "device": record["device"]["name"],
                "trainable_parameters": record["trainable_parameters"],
                "checkpoint_bytes": size,
                "save_seconds": round(one, 3),
                "interval_seconds": round(interval, 1),
                "share": round(one / (interval + one), 5),
            }
        )
    )


if __name__ == "__main__":
    main()
