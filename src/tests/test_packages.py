"""The wheel holds every folder of the source."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_folder_is_a_package_of_the_wheel() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    source = ROOT / "src"
    files = [path for path in source.rglob("*.py") if "tests" not in path.relative_to(source).parts]
    folders = {".".join(("yoyak", *path.parent.relative_to(source).parts)) for path in files}
    assert set(listed) - {"yoyak.configs", "yoyak.sample"} == folders
