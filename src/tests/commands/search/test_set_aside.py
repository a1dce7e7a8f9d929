"""The dialogues of a search: what is chosen on is never reported on."""

from dataclasses import replace
from pathlib import Path

import pytest

from src.commands.search.set_aside import known_to_training, read_search_data, write_search_data
from src.config.loader import load_config
from src.errors import YoyakError
from src.tests.commands.conftest import write_csv
from src.tests.commands.search.test_search import learning  # noqa: F401
from src.tests.tiny_models import DIALOGUES, SUMMARIES


def test_dialogues_that_are_chosen_on_are_left_out_of_the_report(learning):  # noqa: F811
    said: list[str] = []
    write_csv(learning / "test.csv", [*DIALOGUES[:2], "A: Bye."], [*SUMMARIES[:2], "A goes."])
    data = read_search_data(load_config("tiny.yaml"), learning, said.append)
    assert [row.dialogue for row in data.test] == ["A: Bye."]
    assert len(data.dev) == 4
    assert said == ["test.csv: 2 of 3 dialogues are in data.eval too; the score at the end leaves them out"]
    write_csv(learning / "test.csv", DIALOGUES[:2], SUMMARIES[:2])
    with pytest.raises(YoyakError, match=r"test\.csv: all of its dialogues are in data\.eval too"):
        read_search_data(load_config("tiny.yaml"), learning, said.append)


def test_parts_of_another_search_are_written_anew(learning):  # noqa: F811
    config = load_config("tiny.yaml", ["data.test=null"])
    data = read_search_data(config, learning, print)
    write_search_data(config, data)
    files = [Path(data.dev_file), Path(data.test_source)]
    whole = [path.read_bytes() for path in files]
    files[0].write_bytes(whole[1])  # as a killed start with another search.seed leaves it
    write_search_data(config, data)
    assert [path.read_bytes() for path in files] == whole


def test_dialogues_that_are_trained_on_are_said_and_counted(learning):  # noqa: F811
    said: list[str] = []
    write_csv(learning / "test.csv", ["A:  hi.", "A: Bye."], ["A greets.", "A goes."])
    config = load_config("tiny.yaml")
    data = read_search_data(config, learning, said.append)
    trained = [replace(data.test[0], dialogue="a: HI."), data.dev[1], data.dev[2]]
    found = known_to_training(data, trained, config.data, said.append)
    assert (found.dev_trained, found.test_trained) == (2, 1)
    assert said == [
        "dev.csv: 2 of 4 dialogues are in the training data too, so that its scores are too good",
        "test.csv: 1 of 2 dialogues are in the training data too, so that its scores are too good",
    ]
    assert known_to_training(data, [], config.data, pytest.fail) == data
