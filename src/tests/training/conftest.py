"""A tiny base model, and the ends of its uninterrupted runs."""

import pytest

from src.tests.tiny_models import write_tiny_model
from src.tests.training.stopped_runs import config_for, end_of, trainer_for


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def whole(base, tmp_path_factory):
    """The ends of uninterrupted runs, by engine."""
    ends = {}
    for engine in ("packed", "trainer"):
        folder = tmp_path_factory.mktemp(engine)
        results = trainer_for(config_for(base, folder, engine)).train()
        ends[engine] = end_of(folder), results
    return ends
