"""The kernels' device: the GPU where there is one, else the CPU, where Triton's interpreter runs them."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch


@pytest.fixture(autouse=True)
def device() -> torch.device:
    """Return it, or skip where Triton is missing."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    pytest.importorskip("triton", minversion="3.7", reason="needs triton 3.7: older interpreters fail with numpy 2.4")
    return torch.device("cpu")


@pytest.fixture(autouse=True, scope="package")
def _what_the_interpreter_looks_up_is_kept() -> Iterator[None]:
    """Each call of a function in a kernel would search Triton's modules for what to replace, in a third of the time.

    What it replaces at a module's first call stays, and its table of types would be written at each operation.
    """
    if torch.cuda.is_available():
        yield
        return
    interpreter = pytest.importorskip("triton.runtime.interpreter", reason="triton is not installed")
    type_of, replaced, types = interpreter._get_np_dtype, set(), {}

    def called(function: Any, *arguments: Any, **named: Any) -> Any:
        module = function.fn.__module__
        if module not in replaced:
            interpreter._patch_lang(function.fn)
            replaced.add(module)
        return function.rewrite()(*arguments, **named)

    def type_once(kind: Any) -> Any:
        if kind.is_block():
            kind = kind.element_ty
        if kind.name not in types:
            types[kind.name] = type_of(kind)
        return types[kind.name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter.InterpretedFunction, "__call__", called)
        patch.setattr(interpreter, "_get_np_dtype", type_once)
        yield


@pytest.fixture
def exact(device: torch.device) -> float:
    """Return the largest error of float32 products: a GPU's tensor cores round their factors to 10 bits."""
    return 1e-5 if device.type == "cpu" else 5e-3
