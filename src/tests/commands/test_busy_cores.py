import pytest

from src.commands.runs import busy_cores_note


@pytest.mark.parametrize(
    ("load", "threads", "cores", "note"),
    [
        (0.3, 8, 8, None),
        (2.0, 4, 8, None),
        (
            3.0,
            8,
            8,
            "3.0 busy threads and 8 of this run on 8 cores: training will be slow; OMP_NUM_THREADS=5 is faster here",
        ),
        (9.0, 1, 2, "9.0 busy threads and 1 of this run on 2 cores: training will be slow"),
    ],
)
def test_more_threads_than_cores_are_said(load, threads, cores, note):
    assert busy_cores_note(load, threads, cores) == note
