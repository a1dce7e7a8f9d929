"""What a module says, as its source has it: the texts of errors and of lines, with 7 for what is put into them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

FILLED = "7"
"""Stands for a name or a number, so for a word."""
DURATION = "7 min"
"""Stands for what `hours` of the planner returns."""
HINTS = {"nearest"}
"""Functions of other modules that return a tail, or nothing."""
_MOST = 64


class SaidSentences(ast.NodeVisitor):
    """Collects the texts of calls, and of errors that are raised, by the name of what is called.

    A name stands for each text that is assigned to it in the function (or the module), a function of the module for
    each that it returns.
    """

    def __init__(self, path: Path, calls: set[str], returns: re.Pattern[str] | None = None) -> None:
        self.calls, self.returns = calls, returns
        self._joining = 0
        self.found: list[tuple[int, str, list[str]]] = []
        tree = ast.parse(path.read_text(encoding="utf-8"))
        self._functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        self._scopes = [_assigned(tree.body)]
        self.visit(tree)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._scopes.append(_assigned(node.body))
        if self.returns is not None and self.returns.fullmatch(node.name):
            self.found += [(node.lineno, node.name, self._texts(value, 0)) for value in _returned_by(node)]
        self.generic_visit(node)
        self._scopes.pop()

    def visit_Call(self, node: ast.Call) -> None:
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in self.calls:
            given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "title")]
            texts = [text for argument in given for text in self._texts(argument, 0)]
            self.found.append((node.lineno, name, texts))
        self.generic_visit(node)

    def _texts(self, node: ast.AST, depth: int) -> list[str]:
        """Return what a node may be as text, [FILLED] for what is not known."""
        if depth > 6:
            return [FILLED]
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else [FILLED]
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.FormattedValue) else part for part in node.values]
            return self._joined(parts, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._joined([node.left, node.right], depth)
        if isinstance(node, ast.IfExp):
            return [*self._texts(node.body, depth + 1), *self._texts(node.orelse, depth + 1)]
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
            return [text for value in node.values for text in self._texts(value, depth + 1)]
        if isinstance(node, ast.Name):
            values = next((scope[node.id] for scope in reversed(self._scopes) if node.id in scope), [])
            return [text for value in values for text in self._texts(value, depth + 1)] or [FILLED]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._returned(node, depth)
        return [FILLED]

    def _returned(self, node: ast.Call, depth: int) -> list[str]:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in HINTS:
            return [""]
        if name == "hours":
            return [DURATION]
        if name == "count":  # of `bilingual`: said of several
            nouns = [one.value for one in node.args[1:] if isinstance(one, ast.Constant)]
            plural = nouns[1] if len(nouns) > 1 else f"{nouns[0]}s" if nouns else FILLED
            return [f"{FILLED} {plural}"]
        if name == "Text":
            return self._texts(node.args[0], depth + 1) if self._joining else []  # alone it has its half with it
        function = self._functions.get(name)
        if function is None:
            return [FILLED]
        self._scopes.append(_assigned(function.body))
        texts = [text for value in _returned_by(function) for text in self._texts(value, depth + 1)]
        self._scopes.pop()
        return texts or [FILLED]

    def _joined(self, parts: list[ast.expr], depth: int) -> list[str]:
        whole = [""]
        self._joining += 1
        for part in parts:
            whole = [before + text for before in whole for text in self._texts(part, depth + 1)][:_MOST]
        self._joining -= 1
        return whole


def _returned_by(function: ast.FunctionDef) -> list[ast.expr]:
    return [one.value for one in ast.walk(function) if isinstance(one, ast.Return) and one.value is not None]


def _assigned(body: list[ast.stmt]) -> dict[str, list[ast.expr]]:
    """Return the values that names get in a body, in blocks below it too."""
    found: dict[str, list[ast.expr]] = {}
    for node in _statements(body):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts, strict=False))
                for name, value in pairs:
                    if isinstance(name, ast.Name):
                        found.setdefault(name.id, []).append(value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id in found:
            first = found[node.target.id]
            found[node.target.id] = [*first, *(ast.BinOp(one, ast.Add(), node.value) for one in first)]
    return found


def _statements(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for statement in body:
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield statement
            for name in ("body", "orelse", "finalbody", "handlers"):
                below = getattr(statement, name, [])
                yield from _statements(
                    [one for part in below for one in getattr(part, "body", [part])] if name == "handlers" else below
                )
