"""Without a GPU, Triton's kernels run in its interpreter; Triton reads the switch when it is first imported."""

import os
import shutil

if shutil.which("nvidia-smi") is None:
    os.environ.setdefault("TRITON_INTERPRET", "1")
