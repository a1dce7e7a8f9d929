"""The help of each setting: the docstring under its field."""

import ast
import inspect
from functools import cache
from itertools import pairwise


@cache
def help_texts(section: type) -> dict[str, str]:
    """Return the docstring under each field of a section."""
    definition = ast.parse(inspect.getsource(section)).body[0]
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(str(text.value.value))
        for field, text in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }
