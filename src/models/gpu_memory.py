"""Memory for tensors on a GPU: segments that grow instead of ones that stay as they were first taken.

torch's allocator takes memory in segments and can't join free parts of two of them. Micro-batches and the CUDA graphs
of many sizes leave such parts: 14.2 GB were reserved for a training of SmolLM2-135M whose tensors took 7.9 at their
peak (H100, torch 2.11).
"""

import os
import sys
from collections.abc import MutableMapping

_NAMES = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")


def ask_for_growing_segments(environment: MutableMapping[str, str] = os.environ, platform: str = sys.platform) -> None:
    """Let torch map memory to growing segments, on Linux, unless its allocator is configured; it reads this once."""
    if platform == "linux" and not any(name in environment for name in _NAMES):
        environment[_NAMES[0]] = "expandable_segments:True"
