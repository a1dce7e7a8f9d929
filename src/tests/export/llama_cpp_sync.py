"""llama.cpp itself, through `llama-cpp-py-sync`, whose wheels come built; where it is not there, tests are skipped.

`pip install cffi && pip install --no-deps llama-cpp-py-sync`. Its libraries want glibc 2.38; elsewhere remove them from
the package and let LLAMA_CPP_LIB name one of the same build, such as that in the wheel of `xllamacpp`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def _opened(path: Path, **options: Any) -> Any:
    package = pytest.importorskip("llama_cpp_py_sync", reason="llama-cpp-py-sync is not installed")
    try:
        package._cffi_bindings.get_lib()
    except RuntimeError as error:
        if "LLAMA_CPP_LIB" in os.environ:
            raise
        pytest.skip(str(error))
    return package.Llama(str(path), n_threads=1, **options)


def native_logits(path: Path, ids: Sequence[int]) -> np.ndarray:
    """Return the logits (tokens, vocabulary) that llama.cpp computes of a GGUF file, its cache in float32."""
    llama = _opened(path, n_ctx=256, n_batch=256, flash_attn_type=0, type_k="f32", type_v="f32")
    library, interface = llama._lib, llama._ffi
    batch = library.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for place, token in enumerate(ids):
        batch.token[place], batch.pos[place] = token, place
        batch.n_seq_id[place], batch.seq_id[place][0], batch.logits[place] = 1, 0, 1
    assert library.llama_decode(llama._ctx, batch) == 0
    size = len(ids) * llama.n_vocab
    read = np.frombuffer(interface.buffer(library.llama_get_logits(llama._ctx), 4 * size), np.float32).copy()
    library.llama_batch_free(batch)
    return read.reshape(len(ids), -1)


def native_tokens(path: Path, texts: Sequence[str]) -> list[list[int]]:
    """Return the tokens of texts by a GGUF file's tokenizer, without those that are put around them."""
    llama = _opened(path, n_ctx=32)
    return [llama.tokenize(text, add_special=False, parse_special=False) for text in texts]
