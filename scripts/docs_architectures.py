"""Write the table of architectures in docs/models.md: a tiny random model of each is loaded, trained and exported.

python scripts/docs_architectures.py              write it (3 minutes on 2 cores)
python scripts/docs_architectures.py --check      exit 1 where it is not up to date
python scripts/docs_architectures.py llama gpt2   print the rows of some
"""

import logging
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch
import transformers

from scripts.docs_part import write_or_check
from src.errors import YoyakError
from src.export.adapter_file import read_adapter
from src.export.gguf_model import refuse_unwritten
from src.export.merged import merge_adapter
from src.export.vllm_rules import vllm_objections
from src.models.coverage import measure_coverage
from src.models.lora_targets import linear_layers
from src.models.probe import found_by_probes
from src.tests.tiny_architectures import ARCHITECTURES, write_architecture
from src.tests.tiny_models import load_tiny, tiny_config, tiny_dataset
from src.training.llm_trainer import LLMTrainer

PAGE = ROOT / "docs" / "models.md"
START, END = "<!-- architectures -->", "<!-- end of architectures -->"
HEAD = (
    "| architecture | `lora.target_modules` | adapters, 4 bit | engine | probe | merged | GGUF | vLLM |\n"
    "|---|---|---|---|---|---|---|---|"
)
AGREES = 1e-4  # relative, in float32


def main(arguments: list[str]) -> int:
    """Write the page, compare it, or print some rows; return the exit code."""
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("yoyak").setLevel(logging.ERROR)
    names = [name for name in arguments if not name.startswith("-")]
    if names:
        print("\n".join([HEAD, *map(row, names)]))
        return 0
    return write_or_check(PAGE, START, END, "\n".join([HEAD, *map(row, ARCHITECTURES)]), "--check" in arguments)


def row(name: str) -> str:
    """Return an architecture's row: what a tiny model of it did."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = write_architecture(Path(folder) / "base", name)
        try:
            cells = measured(checkpoint, Path(folder))
        except YoyakError as error:
            cells = [f"refused: {str(error).replace(checkpoint, name).split(';')[0].split(': [')[0]}", *["-"] * 6]
    return f"| `{name}` | " + " | ".join(cells) + " |"


def measured(checkpoint: str, folder: Path) -> list[str]:
    """Return what is said of a checkpoint: targets, shares, engine, loss, exports."""
    settings: dict[str, Any] = {"model__dtype": "fp32", "experiment__name": "tiny"}
    config = tiny_config(checkpoint, folder, **settings)
    try:
        model, _ = load_tiny(config)
        targets = "default"
    except YoyakError as error:
        if not str(error).startswith("lora.target_modules: the model has no layer"):
            raise
        plain, _ = load_tiny(tiny_config(checkpoint, **settings, lora__use_lora=False, lora__use_qlora=False))
        config.lora.target_modules = linear_layers(plain)
        model, _ = load_tiny(config)
        targets = " ".join(config.lora.target_modules)
    coverage = measure_coverage(model, config.lora.target_modules, quantizes=True)
    shares = " ".join(coverage.sentence().split()[index] for index in (4, 8))
    config.lora.use_qlora = False
    model, tokenizer = load_tiny(config)
    trainer = LLMTrainer(config, model, tokenizer, tiny_dataset(tokenizer))
    final = Path(trainer.train()["model_path"])
    probes = found_by_probes(model).values()
    vllm = vllm_objections(read_adapter(final))
    gguf = in_gguf(model.get_base_model())
    return [
        targets,
        shares.replace(" ", ", "),
        trainer.resolved.engine.name,
        "agrees" if probes and all(probe["agrees"] for probe in probes) else "differs",
        merged(model, tokenizer),
        gguf,
        "no: merge" if vllm else "yes",
    ]


def in_gguf(model: Any) -> str:
    """Return whether a model is written as GGUF here."""
    try:
        refuse_unwritten(model)
    except YoyakError:
        return "by llama.cpp"
    return "yes"


def batch_of(tokenizer: Any) -> dict[str, torch.Tensor]:
    """Return one example as a batch, without padding."""
    item = tiny_dataset(tokenizer)[0]
    return {name: item[name][None] for name in ("input_ids", "labels")}


def merged(model: Any, tokenizer: Any) -> str:
    """Return whether the merged model's own loss is the adapted one's."""
    batch = batch_of(tokenizer)
    with torch.no_grad():
        before = float(model.eval()(**batch, use_cache=False).loss)
        try:
            after = float(merge_adapter(model, torch.float32)(**batch, use_cache=False).loss)
        except YoyakError:
            return "no"
    return "yes" if abs(after - before) / before < AGREES else f"{after - before:+.2g}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
