"""A public name means one thing: no class, function or constant of a module has a namesake in another module."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from src import architectures

SOURCES = Path(architectures.__file__).parent

# Names that stand twice, and why.
TWICE = {
    "main": "what a file does that is called as a program",
}


def definitions(module: ast.Module) -> Iterator[str]:
    """Yield the public classes, functions, type aliases and constants of a module."""
    for node in module.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            names = [name for name in names if len(name) > 1 and name[0].isupper()]  # no TypeVar
        else:
            names = []
        yield from (name for name in names if not name.startswith("_"))


def namesakes(root: Path) -> dict[str, list[str]]:
    """Return the names that several modules below a folder define, and where; a kernel's two sides count as one."""
    places = defaultdict(set)
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if "tests" not in parts:
            place = "/".join(parts).replace("kernels/cuda/", "kernels/")
            for name in definitions(ast.parse(path.read_text(encoding="utf-8"))):
                places[name].add(place)
    return {name: sorted(found) for name, found in places.items() if len(found) > 1}


def test_no_public_name_is_defined_twice() -> None:
    assert namesakes(SOURCES).keys() - TWICE == set(), namesakes(SOURCES)


def test_what_counts_as_a_namesake(tmp_path: Path) -> None:
    files = {
        "a.py": "class Row: ...\ndef show(): ...\nKind = int\nMOST = 1\ndef _own(): ...",
        "b/a.py": "Row: type = int\nasync def show(): ...\ndef _own(): ...\nMOST = 2\nclass A:\n  def norm(self): ...",
        "kernels/norm.py": "def norm(): ...",
        "kernels/cuda/norm.py": "def norm(): ...",
        "tests/b.py": "Kind = str",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert namesakes(tmp_path) == {"MOST": ["a.py", "b/a.py"], "Row": ["a.py", "b/a.py"], "show": ["a.py", "b/a.py"]}
