import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Run each test in an empty folder, as a user of the installed package does."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
