"""Where the files that are shipped with the package lie: configs and sample dialogues.

The same tree is used from a checkout (as `src`, with `configs/` and `data/sample/` beside it) and as the installed
package `yoyak` (with both inside the package).
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def configs_dir() -> Path:
    """Return the folder with `base/`, `models/` and `experiments/` that is shipped with this code."""
    inside = _PACKAGE / "configs"
    return inside if inside.is_dir() else _PACKAGE.parent / "configs"


def sample_dir() -> Path:
    """Return the folder with `en/` and `ko/`, with `train.csv`, `dev.csv` and `long.csv` each, and `ko/chat.csv`."""
    inside = _PACKAGE / "sample"
    return inside if inside.is_dir() else _PACKAGE.parent / "data" / "sample"


def yoyak_home() -> Path:
    """Return the cache folder of this user: `$YOYAK_HOME`, by default `~/.cache/yoyak`."""
    import os

    return Path(os.environ.get("YOYAK_HOME") or Path.home() / ".cache" / "yoyak")
