"""The notebook's installation stops with a word where it has nothing to install."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "colab_t4.ipynb"


def code_cells() -> list[str]:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("uploaded", [{}, {"notes.txt": b""}])
def test_nothing_to_install_is_said(monkeypatch: pytest.MonkeyPatch, uploaded: dict[str, bytes]) -> None:
    colab, files = ModuleType("google.colab"), ModuleType("google.colab.files")
    files.upload = lambda: uploaded  # type: ignore[attr-defined]
    colab.files = files  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    cells = code_cells()
    setting = next(index for index, cell in enumerate(cells) if cell.startswith("REPOSITORY = "))
    install = "\n".join(cells[setting : setting + 2])
    with pytest.raises(SystemExit, match="No wheel: set REPOSITORY above"):
        exec(install, {})


def test_no_placeholder_is_left() -> None:
    assert "OWNER" not in NOTEBOOK.read_text(encoding="utf-8")
