"""What each target of `yoyak export` writes into its folder."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ...config.schema import Config
from ...config.typed import typed_path
from ...errors import YoyakError
from ...export.folder import listed_files, require_space, written_whole
from ...export.licence_files import copy_licence_files
from .export_source import ExportRequest, Source

if TYPE_CHECKING:
    from rich.console import Console


@dataclass
class Export:
    """One export under way: what is asked for, what it is made from, and where it goes."""

    request: ExportRequest
    source: Source
    config: Config
    out: Path
    console: "Console"

    @property
    def name(self) -> str:
        """Return the experiment's name as a file's."""
        return re.sub(r"[^\w.-]+", "-", self.config.experiment.name)

    def say(self, text: str) -> None:
        """Tell what goes on, beside what the command prints."""
        self.console.print(text, style="dim")

    def record(self, **more: Any) -> dict[str, Any]:
        """Return what the export's folder says about itself; without paths, which are nobody's business."""
        from ... import __version__
        from ...export.model_card import base_name
        from ...runs.record import now

        base = base_name(self.config.model.checkpoint)
        known = {"yoyak": __version__, "to": self.request.to, "name": self.name, "base": base, "written": now()}
        parts = {"average_of": [part.name for part in self.source.parts]} if self.source.parts else {}
        return {**known, **parts, **more}

    @contextmanager
    def written(self, record: dict[str, Any]) -> Iterator[Path]:
        """Yield the export's folder, with the base model's terms in it; see `written_whole`."""
        with written_whole(self.out, self.request.overwrite, record) as folder:
            copy_licence_files(self.config.model.checkpoint, folder)
            yield folder

    def settings(self, checkpoint: str, keep_adapter: bool) -> str:
        """Return the settings that the exported model needs to be used by yoyak, as YAML."""
        values = self.config.model_dump()
        kept = ["model", "tokenizer", "dataset", "generation", "evaluation"]
        kept += [] if self.request.to == "hub" else ["data"]  # paths of this machine, which are nobody's business there
        settings = {section: values[section] for section in kept}
        settings["model"] |= {"checkpoint": checkpoint}
        whole = {"use_lora": False, "use_qlora": False}
        settings["lora"] = values["lora"] | {"adapter": None} if keep_adapter else whole
        settings["experiment"] = {"name": self.config.experiment.name}
        return yaml.safe_dump(settings, allow_unicode=True, sort_keys=False)


def write_card(job: Export, folder: Path, merged: bool) -> str:
    """Write the model card into `folder`; return what to do next."""
    from ...export.model_card import model_card

    card = model_card(job.config, job.source.record, name=job.name, merged=merged, parts=job.source.parts)
    (folder / "README.md").write_text(card, encoding="utf-8")
    return f"look at {typed_path(job.out / 'README.md')}, then send it with --push {typed_path(f'OWNER/{job.name}')}"


def write_adapter_folder(job: Export) -> dict[str, Any]:
    """Write an adapter's folder that vLLM and PEFT load; no model is loaded for it."""
    from ...export.adapter_file import read_adapter
    from ...export.chat_template import trained_chat_template
    from ...export.model_card import base_of_adapter
    from ...export.vllm_rules import max_lora_rank, refuse_unless_loadable, renamed, uniform, write_adapter
    from ...models.bundled import PREFIX
    from ...models.resolve import resolve_checkpoint
    from ...models.text_part import names_in_whole

    adapter = read_adapter(_adapter_folder(job))
    refuse_unless_loadable(adapter)
    with suppress(YoyakError):  # without its base's config it keeps its names
        adapter = renamed(adapter, names_in_whole(_base_config(job)))
    checkpoint, for_hub = job.config.model.checkpoint, job.request.to == "hub"
    base = base_of_adapter(checkpoint) if for_hub else resolve_checkpoint(checkpoint)
    tokenizer, prompt = _tokenizer_and_prompt(job)
    size = sum(a.nbytes + b.nbytes for a, b in adapter.factors.values())
    require_space(job.out, 2 * size + 40_000_000)
    rank = max_lora_rank(adapter)
    with job.written(job.record(max_lora_rank=rank)) as folder:
        template = trained_chat_template(job.config, tokenizer, prompt)
        write_adapter(uniform(adapter), base, tokenizer, template, folder)
        # A local base is at the same place only on this machine, and its path is nobody's business.
        named = checkpoint if checkpoint.startswith(PREFIX) else base
        (folder / "yoyak.yaml").write_text(job.settings(named, keep_adapter=True), encoding="utf-8")
        hint = (
            f"vllm serve {typed_path(base)} --enable-lora --max-lora-rank {rank} "
            f"--lora-modules {typed_path(f'{job.name}={job.out}')}"
        )
        if for_hub:
            hint = write_card(job, folder, merged=False)
    return {"files": listed_files(job.out), "max_lora_rank": rank, "next": hint}


def write_gguf_lora(job: Export) -> dict[str, Any]:
    """Write the adapter alone as a GGUF file; of the base only the config is read."""
    from ...export.adapter_file import read_adapter, refuse_other_base
    from ...export.gguf_lora import write_lora_gguf
    from ...models.text_part import text_config

    adapter = read_adapter(_adapter_folder(job))
    base_config = _base_config(job)
    base_config = text_config(base_config) or base_config
    refuse_other_base(adapter, base_config, job.config.model.checkpoint)
    require_space(job.out, sum(a.nbytes + b.nbytes for a, b in adapter.factors.values()) + 1_000_000)
    file = f"{job.name}-lora.gguf"
    with job.written(job.record()) as folder:
        count = write_lora_gguf(folder / file, adapter, base_config, job.name)
    hint = f"llama-server -m BASE.gguf --lora {typed_path(job.out / file)}"
    return {"files": listed_files(job.out), "tensors": count, "next": hint}


def _adapter_folder(job: Export) -> Path:
    if not job.source.is_adapter:
        raise YoyakError(f"{job.source.folder}: is a whole model, without an adapter; use --to merged or gguf")
    return job.source.folder


def _tokenizer_and_prompt(job: Export) -> tuple[Any, Any]:
    """Return the adapter's own tokenizer, else its base's, and the training prompt."""
    from ..console import quiet_libraries
    from ..model import prompt_of

    quiet_libraries()
    from transformers import AutoTokenizer

    from ...models.checkpoints import load_from
    from ...models.lora_loader import LoRALoader

    own = (job.source.folder / "tokenizer.json").is_file()
    checkpoint = job.config.model.checkpoint
    if own:
        tokenizer = load_from(str(job.source.folder), AutoTokenizer.from_pretrained, trust_remote_code=False)
    else:
        tokenizer = LoRALoader(job.config)._load_tokenizer(checkpoint)
    config = job.config.model_copy(deep=True)
    config.lora.adapter = str(job.source.folder)
    return tokenizer, prompt_of(config, tokenizer)[0]


def _base_config(job: Export) -> Any:
    from ...models.checkpoint_config import load_checkpoint_config
    from ...models.resolve import resolve_checkpoint

    return load_checkpoint_config(resolve_checkpoint(job.config.model.checkpoint), job.config.model)
