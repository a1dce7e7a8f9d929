"""Train once and print what the run's record says, as one JSON line.

python benchmarks/offline/training.py NAME EXPERIMENT --runs FOLDER --settings KEY=VALUE ...
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gpu_end_to_end import run
from result_line import print_line


def main() -> int:
    """Train, print and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the run")
    parser.add_argument("experiment")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--settings", nargs=argparse.REMAINDER, default=[], help="flags and settings, to the end")
    given = parser.parse_args()
    line = run(Path(), given.runs, given.name, "--experiment", given.experiment, *given.settings)
    print_line(line, None)
    return int(str(line.get("exit", 0)))


if __name__ == "__main__":
    sys.exit(main())
