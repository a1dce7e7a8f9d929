"""Every row of the table of bad inputs: one line, the exit code, nothing left behind."""

import logging
import shlex
import warnings
from pathlib import Path

import pytest

from src import bounds
from src.cli import main
from src.tests.bad_inputs.adapter_cases import ADAPTERS
from src.tests.bad_inputs.config_cases import CONFIGS
from src.tests.bad_inputs.data_cases import JSON, PARQUET, PIPES, TABLES
from src.tests.bad_inputs.model_cases import CHECKPOINTS, TEMPLATES, WEIGHTS
from src.tests.bad_inputs.prediction_cases import PREDICTIONS
from src.tests.bad_inputs.refine_cases import REFINING
from src.tests.bad_inputs.run_cases import BODIES, RUNS
from src.tests.bad_inputs.search_cases import SEARCHES

MODELS = [*PIPES, *CHECKPOINTS, *WEIGHTS, *TEMPLATES, *ADAPTERS, *RUNS, *REFINING, *SEARCHES]
ALL = [*CONFIGS, *TABLES, *JSON, *PARQUET, *PREDICTIONS, *MODELS, *BODIES]


def matches(said: str, expected: str) -> bool:
    if len(expected) > 6 and expected.startswith("...") and expected.endswith("..."):
        return expected[3:-3] in said
    return said.startswith(expected[:-3]) if expected.endswith("...") else said == expected


def files_in(folder: Path) -> set[Path]:
    """Return the files in a folder, but for the logs of runs, which are meant to stay."""
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and "logs" not in path.parts}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a case in an empty folder and check what every case has to do; return the line that is said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bounds, "SECONDS", 1)  # what has no end is waited for in full, and more than once

    def run(case, tiny=None):
        for name, content in case.files.items():
            made = content() if callable(content) else content
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(made if isinstance(made, bytes) else made.encode())
        if case.prepare:
            case.prepare(tiny)
        before = files_in(tmp_path)
        capsys.readouterr()  # what writing the tiny model printed
        with pytest.raises(SystemExit) as stop:
            main(shlex.split(case.command.replace("TINY", f"{tiny}/tiny.yaml").replace("ADAPTER", f"{tiny}/adapter")))
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if line.startswith("yoyak: ")]
        assert (len(lines), stop.value.code) == (1, case.code), err
        assert err.splitlines()[-1] == lines[0]
        assert "Traceback" not in out + err
        assert files_in(tmp_path) == before
        return lines[0].removeprefix("yoyak: ").replace(f"{tmp_path}/", "")

    with warnings.catch_warnings():  # a command sets the warnings of its whole process
        yield run
    logging.captureWarnings(False)


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_bad_input(case, request, run):
    if case.command.startswith("POST "):
        client = request.getfixturevalue("client")
        path = case.command.removeprefix("POST ")
        answer = client.post(path, content=case.body, headers={"Content-Type": "application/json"})
        said = answer.json()["error"]["message"]
        assert answer.status_code == case.code, answer.text
    else:
        said = run(case, request.getfixturevalue("tiny_model")[0] if case in MODELS else None)
    assert matches(said, case.line), said


def test_each_case_has_a_name_of_its_own():
    assert len({case.name for case in ALL}) == len(ALL) >= 60
