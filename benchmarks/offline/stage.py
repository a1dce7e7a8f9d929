"""A stage of what is measured in one lease of a GPU, and where it runs."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FEW = (
    "data.max_train_examples=8",
    "data.max_eval_examples=2",
    "training.max_steps=2",
    "training.batch_size=2",
    "tokenizer.decoder_max_len=12",
)


@dataclass(frozen=True)
class Stage:
    """Commands that are run one after the other, to the first that fails.

    Attributes:
        seconds: that it takes on an H200, as estimated from earlier figures.
        limit: of seconds, after which it is ended.
        alone: it measures time, so nothing else runs on its GPU; of others two run at once where there is one GPU.
        needs: files and folders that must be there.
        site: packages that go before the others.
        asked: runs only where it is named.
        cards: GPUs that it takes; with 0 it sees none.
    """

    name: str
    commands: Sequence[Sequence[str]]
    seconds: int
    limit: int
    alone: bool = False
    needs: Sequence[Path] = ()
    site: str | None = None
    asked: bool = False
    cards: int = 1


@dataclass(frozen=True)
class Place:
    """Where things are: PREFIX of `install.sh`, and how stages are run: with tiny sizes on a CPU where `dry`."""

    prefix: Path
    dry: bool = False
    python: str = field(default=sys.executable)

    @property
    def shared(self) -> Path:
        """Return the folder of the data."""
        return self.prefix / "shared"

    @property
    def runs(self) -> Path:
        """Return the folder of the runs."""
        return self.prefix / "figures" / "runs"

    def installed(self, *names: str) -> tuple[Path, ...]:
        """Return the marks of bundles that `install.sh` leaves."""
        return tuple(self.prefix / "installed" / name for name in names)

    @property
    def tiny(self) -> Path:
        """Return the folder of the random model of two layers that a dry run trains."""
        return self.prefix / "tiny"

    @property
    def few(self) -> tuple[str, ...]:
        """Return what makes a dry run's training short."""
        return (*_FEW, f"model.checkpoint={self.tiny}") if self.dry else ()

    def done(self, stage: str) -> Path:
        """Return the mark of a stage that has ended well."""
        return self.prefix / "figures" / f"{stage}.done"

    def script(self, name: str, *arguments: object) -> list[str]:
        """Return the command of a benchmark."""
        return [self.python, str(ROOT / "benchmarks" / name), *map(str, arguments)]
