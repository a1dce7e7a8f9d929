"""What cutting off loops (`generation.truncate_repetition`) changes. Prints one JSON line.

    python benchmarks/loop_gain.py (--adapter RUN/final_model | --experiment NAME) [--data FILE] [--first N]
        [--dialogues N] [--out FILE] [KEY=VALUE ...]

Summarizes `data.eval`, or another file with references, with the cut, and once more without it the dialogues whose
summary ended in a loop; the others are the same. Tells how many ran into the limit and how many of these looped, and
the ROUGE sum of all rows and of these, with the cut and without. `--experiment` is its base model.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from result_line import measured_at, print_line

from src.commands.console import create_console
from src.commands.generating import summaries
from src.commands.model import load_for_use
from src.data.files.sources import load_dialogues
from src.evaluation.rouge import score_summaries
from src.evaluation.significance import paired_difference


def main() -> None:
    """Summarize, score both ways and print."""
    options = arguments()
    loaded = load_for_use(options.experiment, options.adapter, options.settings, create_console(stderr=True))
    config = loaded.config
    source = options.data or config.data.eval
    rows = load_dialogues(source, config.data).rows[options.first :][: options.dialogues]
    began = time.perf_counter()
    made = summaries(loaded, [row.dialogue for row in rows], lambda *_: None)
    middle = time.perf_counter()
    looped = [index for index, result in enumerate(made) if result.looped]
    off = config.generation.model_copy(update={"truncate_repetition": False})
    as_it_was = replace(loaded, config=config.model_copy(update={"generation": off}))
    again = summaries(as_it_was, [rows[index].dialogue for index in looped], lambda *_: None)
    before = list(made)
    for index, result in zip(looped, again, strict=True):
        before[index] = result
    how, references = config.evaluation, [row.summary for row in rows]
    with_it, without = (
        score_summaries([one.text for one in texts], references, how.tokenization, how.stemmer).per_dialogue[
            "rouge_sum"
        ]
        for texts in (made, before)
    )
    changed = [with_it[index] for index in looped], [without[index] for index in looped]
    line = {
        "benchmark": "loop_gain",
        "model": options.adapter or config.model.checkpoint,
        "data": str(source),
        "settings": options.settings,
        "dialogues": len(rows),
        "unended": sum(not one.ended for one in made),
        "looped": len(looped),
        "rouge_sum": {"without": mean(without), "with": mean(with_it)},
        "of_these": {"without": mean(changed[1]), "with": mean(changed[0])} if looped else None,
        "difference_of_these": paired_difference(*changed).as_dict() if looped else None,
        "tokenization": how.tokenization,
        "stemmer": how.stemmer,
        "seconds": [round(middle - began, 1), round(time.perf_counter() - middle, 1)],
    }
    print_line(line | measured_at(), options.out)


def mean(values: list[float]) -> float:
    """Return the mean to two digits."""
    return round(sum(values) / len(values), 2)


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--adapter", help="a run's final_model")
    model.add_argument("--experiment", help="whose base model is asked")
    parser.add_argument("--data", help="dialogues with references; by default data.eval")
    parser.add_argument("--first", type=int, default=0, help="rows that are passed over")
    parser.add_argument("--dialogues", type=int, help="at most so many")
    parser.add_argument("--out", type=Path, help="file that the line is added to")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    return parser.parse_intermixed_args()


if __name__ == "__main__":
    main()
