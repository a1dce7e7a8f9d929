"""The dialogues of a search: those that trials are measured on, and those that nothing is chosen on."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...config.schema import Config, DataSettings
from ...errors import YoyakError
from ..data.data_files import write_whole
from ..train.train_data import trained_on

if TYPE_CHECKING:
    from ...data.files.sources import DialogueRow


@dataclass(frozen=True)
class SearchData:
    """The rows; `dev_file` where the evaluation data was divided, and None where it is `data.eval` itself.

    `dev_trained` and `test_trained` are how many of each are in the training data too.
    """

    dev: "list[DialogueRow]"
    test: "list[DialogueRow]"
    test_source: str
    dev_file: str | None
    dev_trained: int = 0
    test_trained: int = 0


def digest_of(parts: "Iterable[Sequence[DialogueRow]]") -> str:
    """Return a hash of all dialogues and summaries, by part."""
    content = [[(row.dialogue, row.summary) for row in part] for part in parts]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def read_search_data(config: Config, folder: Path, say: Callable[[str], None]) -> SearchData:
    """Read `data.eval` and `data.test`; without the latter, a part of the former is set aside.

    Dialogues of `data.test` that `data.eval` has too are left out, and that is said: they would be chosen on. The parts
    become files of the folder by `write_search_data`.

    Raises:
        YoyakError: a file can't be read, too few dialogues to divide, or all of `data.test` are in `data.eval`.
    """
    from ...data.files.sources import load_dialogues
    from ...data.tools.split import split_rows
    from ..data.part_files import part_suffix

    rows = load_dialogues(config.data.eval, config.data).rows[: config.data.max_eval_examples]
    if config.data.test is not None:
        test = load_dialogues(config.data.test, config.data).rows
        return SearchData(rows, _never_chosen_on(config, rows, test, say), config.data.test, None)
    if len(rows) < 2:
        raise YoyakError(
            f"{config.data.eval}: one dialogue can't be divided into those to choose on and those to report on; add "
            "more, or name a file with data.test"
        )
    try:
        split = split_rows(rows, config.search.set_aside, seed=config.search.seed)
    except YoyakError as error:
        raise YoyakError(f"{config.data.eval}: search.set_aside: {error}, or name a file with data.test") from error
    parts = {name: [rows[row] for row in split.rows(side)] for side, name in enumerate(("dev", "test"))}
    names = {name: folder / "data" / f"{name}{part_suffix(config.data)}" for name in parts}
    return SearchData(parts["dev"], parts["test"], str(names["test"]), str(names["dev"]))


def known_to_training(
    data: SearchData, train: "Sequence[DialogueRow]", settings: DataSettings, say: Callable[[str], None]
) -> SearchData:
    """Return the data with how much of it is trained on, which is said: a trial's own log says it to nobody."""
    dev, test = trained_on(train, data.dev), trained_on(train, data.test)
    for source, known, rows in ((data.dev_file or settings.eval, dev, data.dev), (data.test_source, test, data.test)):
        if known:
            what = f"{known} of {len(rows)} dialogues are in the training data too"
            say(f"{source}: {what}, so that its scores are too good")
    return replace(data, dev_trained=dev, test_trained=test)


def _never_chosen_on(
    config: Config, chosen_on: "list[DialogueRow]", test: "list[DialogueRow]", say: Callable[[str], None]
) -> "list[DialogueRow]":
    known = {row.dialogue for row in chosen_on}
    others = [row for row in test if row.dialogue not in known]
    source, over = config.data.test, len(test) - len(others)
    if not others:
        raise YoyakError(
            f"{source}: all of its dialogues are in data.eval too, on which trials are chosen; name another file with "
            "data.test, or set data.test=null for a part of data.eval to be set aside"
        )
    if over:
        say(f"{source}: {over} of {len(test)} dialogues are in data.eval too; the score at the end leaves them out")
    return others


def write_search_data(config: Config, data: SearchData) -> None:
    """Write the parts into which the evaluation data was divided, where they are not there as they should be."""
    from ..data.part_files import as_in_the_file, part_bytes

    if data.dev_file is None:
        return
    settings, parts = config.data, {Path(data.dev_file): data.dev, Path(data.test_source): data.test}
    whole = {path: part_bytes(as_in_the_file(rows, settings.eval, settings), settings) for path, rows in parts.items()}
    write_whole({path: content for path, content in whole.items() if not _holds(path, content)}, overwrite=True)


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content
