"""llama.cpp's other quantizations, through llama-cpp-python where it is installed."""

from importlib.util import find_spec
from pathlib import Path

from ..errors import YoyakError, nearest
from .gguf_model import QUANTIZATIONS

LLAMA_CPP_QUANTIZATIONS = (
    "q2_k", "q3_k_s", "q3_k_m", "q3_k_l", "q4_0", "q4_1", "q4_k_s", "q4_k_m", "q5_0", "q5_1", "q5_k_s", "q5_k_m",
    "q6_k", "iq4_nl", "iq4_xs",
)  # fmt: skip
"""Those that need no importance matrix."""


def refuse_unknown_quantization(quantization: str) -> None:
    """Raise YoyakError for a quantization that does not exist, or that needs a package that is not there."""
    known = [*QUANTIZATIONS, *LLAMA_CPP_QUANTIZATIONS]
    if quantization not in known:
        raise YoyakError(
            f"--quantization {quantization}: unknown{nearest(quantization, known)}; there are: {', '.join(known)}"
        )
    if quantization in LLAMA_CPP_QUANTIZATIONS and find_spec("llama_cpp") is None:
        raise YoyakError(
            f"--quantization {quantization}: llama.cpp makes it, through llama-cpp-python, which is not installed "
            "(pip install llama-cpp-python); f16, bf16 and q8_0 need nothing"
        )


def quantize_with_llama_cpp(source: Path, target: Path, quantization: str) -> None:
    """Write `target`, a GGUF file in one of llama.cpp's quantizations, from `source` in f16."""
    import llama_cpp

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{quantization.upper()}")
    failed = llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), parameters)
    if failed:
        raise YoyakError(f"--quantization {quantization}: llama.cpp could not quantize the model (code {failed})")
