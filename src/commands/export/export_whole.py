"""Whole models: an adapter merged into its base, as a folder of transformers or as GGUF, and its loss checked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config.typed import typed_path
from ...errors import YoyakError
from ...export.folder import listed_files, require_space
from .export_source import ExportRequest, load_source
from .export_targets import Export, write_card

if TYPE_CHECKING:
    import torch

    from ...data.prompt.templates import EncodedExample
    from ...models.lora_loader import LoRALoader
    from ..model import LoadedModel


def write_whole_model(job: Export) -> dict[str, Any]:
    """Write merged weights: a folder of transformers, or a GGUF file (with a Modelfile for Ollama).

    Raises:
        YoyakError: what was written has a higher loss than rounding explains; nothing of it is kept.
    """
    from ...export.check import check_examples
    from ...export.merged import merge_adapter, parameter_count, set_generation
    from ...models.generation_settings import end_ids_of

    request, to_gguf = job.request, job.request.to in ("gguf", "ollama")
    loaded = load_source(job.source, request, job.console, check=partial(_refuse_unwritable, job))
    require_space(job.out, _needed_bytes(request, parameter_count(loaded.model)))
    examples = check_examples(job.config, loaded.prompt, request.check, job.say)
    before = _loss_before(job, loaded, examples)
    loss = {"dialogues": len(examples), "trained": before} if examples else None
    if request.base == "original" and _is_on_4bit(job, loaded):
        del loaded  # the memory of one model, not two
        loaded = load_source(job.source, request, job.console, original=True)
        before = _loss_before(job, loaded, examples)
    dtype = _dtype(job)
    job.say(f"Merging in float32, rounding to {str(dtype).removeprefix('torch.')} ...")
    tokenizer, prompt = loaded.tokenizer, loaded.prompt
    ends = end_ids_of(loaded.model, prompt.end_id)
    model = merge_adapter(loaded.model, dtype)
    del loaded
    set_generation(model, tokenizer, prompt.end_id, job.config.tokenizer.decoder_max_len, ends)
    base = request.base if job.source.is_adapter and job.config.lora.use_qlora else None  # of 16 bit there is one
    record = job.record(merged_onto=base, quantization=request.quantization if to_gguf else None, loss=loss)
    with job.written(record) as folder:
        written = (_write_gguf if to_gguf else _write_transformers)(job, folder, model, tokenizer, prompt)
        del model  # what was written is read back in its place
        for file in written.files:
            if loss is not None:
                loss["merged"] = _checked_loss(job, file, examples, before)
            if file is not written.files[-1]:
                file.path.unlink()
    return {"files": listed_files(job.out), "base": base, "loss": loss, "next": written.hint}


@dataclass(frozen=True)
class _File:
    """A model as it was written: where, in which quantization, and how it is read back in a type."""

    path: Path
    quantization: str
    read: "Callable[[torch.dtype], Any]"


@dataclass(frozen=True)
class _Written:
    """What was written, the export last, after what it was made from; and what to do next."""

    files: list[_File]
    hint: str


def _loss_before(job: Export, loaded: "LoadedModel", examples: "Sequence[EncodedExample]") -> float:
    """Return the loss of the model that is exported; NaN where none is asked for."""
    from ...export.check import mean_loss, refuse_broken

    if not examples:
        return float("nan")
    loss = mean_loss(loaded.model, examples)
    refuse_broken(loss, job.source.folder)
    return loss


def _checked_loss(job: Export, file: _File, examples: "Sequence[EncodedExample]", before: float) -> float:
    """Return the loss of what was written; YoyakError where it is above what its quantization explains."""
    from ...export.check import loss_of_file, most_rise, refuse_risen

    job.say(f"Checking the loss of {file.path.name} ...")
    after = loss_of_file(file.read, examples, job.config.model.dtype, job.say)
    refuse_risen(f"--to {job.request.to}", before, after, most_rise(before, examples, file.quantization))
    return after


def _refuse_unwritable(job: Export, loader: "LoRALoader") -> None:
    """Raise YoyakError for what config and tokenizer already tell can't be written, before the weights are loaded."""
    from ...export.chat_template import trained_chat_template
    from ...models.checkpoint_config import load_checkpoint_config
    from ...models.checkpoints import stored_in_4bit
    from ...models.text_part import text_config, without_weights
    from ..model import prompt_of

    model = loader.config.model
    config = load_checkpoint_config(loader.checkpoint, model)
    if job.request.base == "original" and job.source.is_adapter and stored_in_4bit(loader.checkpoint, config, True):
        raise YoyakError(
            f"--base original: {job.config.model.checkpoint} is itself stored in 4 bit; leave --base out, or name the "
            "16-bit checkpoint with model.checkpoint=NAME"
        )
    if job.request.to in ("gguf", "ollama"):
        from ...export.gguf_model import known_architecture, refuse_unwritten
        from ...export.gguf_tokenizer import refuse_tokenizer

        if not model.trust_remote_code:  # else the class is the checkpoint's own, which is refused once it is loaded
            known_architecture(text_config(config) or config)
            refuse_unwritten(without_weights(config, loader.checkpoint))
        refuse_tokenizer(loader.tokenizer)
    trained_chat_template(job.config, loader.tokenizer, prompt_of(loader.config, loader.tokenizer)[0])


def _is_on_4bit(job: Export, loaded: "LoadedModel") -> bool:
    from ...export.merged import is_4bit

    return job.source.is_adapter and is_4bit(loaded.model)


def _dtype(job: Export) -> Any:
    """Return the type of the merged weights: the config's 16 bit; for GGUF one that loses nothing on the way there."""
    import torch

    if job.request.to in ("gguf", "ollama"):
        return {"f32": torch.float32, "bf16": torch.bfloat16}.get(job.request.quantization, torch.float16)
    return torch.float16 if job.config.model.dtype == "fp16" else torch.bfloat16


def _needed_bytes(request: ExportRequest, parameters: int) -> int:
    from ...export.gguf_model import QUANTIZATIONS, gguf_bytes

    if request.to not in ("gguf", "ollama"):
        return 2 * parameters + 40_000_000  # tokenizer and small files
    if request.quantization in QUANTIZATIONS:
        return gguf_bytes(parameters, request.quantization)
    return gguf_bytes(parameters, "f16") + gguf_bytes(parameters, "q8_0")  # llama.cpp makes one from the other


def _write_transformers(job: Export, folder: Path, model: Any, tokenizer: Any, prompt: Any) -> _Written:
    """Write a folder of transformers, with a model card where it is for the hub."""
    from ...export.chat_template import trained_chat_template
    from ...export.check import folder_reader
    from ...export.merged import save_merged

    save_merged(model, tokenizer, trained_chat_template(job.config, tokenizer, prompt), folder)
    for_hub = job.request.to == "hub"
    checkpoint = (job.request.push or job.name) if for_hub else str(job.out.absolute())
    (folder / "yoyak.yaml").write_text(job.settings(checkpoint, keep_adapter=False), encoding="utf-8")
    hint = f"vllm serve {typed_path(job.out)}, or yoyak summarize -e {typed_path(job.out / 'yoyak.yaml')}"
    if for_hub:
        hint = write_card(job, folder, merged=True)
    kind = "f16" if job.config.model.dtype == "fp16" else "bf16"
    return _Written([_File(folder, kind, folder_reader(folder, job.config.model.trust_remote_code))], hint)


def _write_gguf(job: Export, folder: Path, model: Any, tokenizer: Any, prompt: Any) -> _Written:
    """Write a GGUF file, with a Modelfile where it is for Ollama."""
    from ...export.chat_template import bos_text, trained_chat_template
    from ...export.gguf_model import QUANTIZATIONS, write_model_gguf
    from ...export.gguf_quantize import quantize_with_llama_cpp
    from ...export.gguf_read import read_model_gguf
    from ...export.ollama import modelfile
    from ...models.generation_settings import end_ids_of

    ends = end_ids_of(model, prompt.end_id)
    wanted = job.request.quantization
    written = wanted if wanted in QUANTIZATIONS else "f16"
    path = folder / f"{job.name}-{wanted}.gguf"
    target = path if written == wanted else folder / "f16.gguf"
    write_model_gguf(
        target,
        model,
        tokenizer,
        written,
        name=job.name,
        end_id=prompt.end_id,
        more_ends=ends[1:],
        add_bos=bool(bos_text(job.config, tokenizer)),
        chat_template=trained_chat_template(job.config, tokenizer, prompt),
    )
    kind, config = type(model), model.config
    files = [_File(target, written, partial(read_model_gguf, target, kind, config))]
    if target != path:
        quantize_with_llama_cpp(target, path, wanted)
        files.append(_File(path, wanted, partial(read_model_gguf, path, kind, config)))
    if job.request.to == "gguf":
        return _Written(files, f"llama-server -m {typed_path(job.out / path.name)}")
    text = modelfile(job.config, tokenizer, prompt, path.name, model.config.max_position_embeddings, ends)
    (folder / "Modelfile").write_text(text, encoding="utf-8")
    return _Written(files, f"ollama create {typed_path(job.name.lower())} -f {typed_path(job.out / 'Modelfile')}")
