"""What lies in a search's folder, by name."""

from pathlib import Path

NAMED_SEARCH = "_search"
"""What stands behind a config's name in that of its search's folder."""
STORAGE_FILE, CLOCK_FILE, PLACE_FILE = "search.db", "clock.json", "place.json"
SEARCH_RECORD, WINNER_CONFIG, SEARCH_PAGE = "search.json", "best.yaml", "search.html"
BEST_LINK = "best"
"""To the run of the winner."""
CLAIMS = ".claims"
"""Of locks: of trials, each held by the process that runs it, and of workers."""
SCORES_FILE = "dev_scores.json"
"""In the folder of a finished trial: the score of each evaluation dialogue."""


NAMED_TRIAL, NAMED_WORKER = "trial_", "worker-"
"""With which the names of trials' runs and of workers begin."""


def trial_name(number: int) -> str:
    """Return the name of a trial's run."""
    return f"{NAMED_TRIAL}{number:04d}"


def worker_names(folder: Path) -> list[str]:
    """Return the names of a search's workers, of those too that were killed."""
    return sorted(place.name for place in locked(folder / CLAIMS, NAMED_WORKER))


def locked(folder: Path, beginning: str) -> list[Path]:
    """Return what has a lock in a folder, held or left by who was killed, of names that begin so."""
    return [
        path.with_name(path.name.removeprefix(".").removesuffix(".lock")) for path in folder.glob(f".{beginning}*.lock")
    ]
