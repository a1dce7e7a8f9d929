"""Taking a model away: each export is a command with its progress, and says what to type next."""

import shutil
from typing import Any

from fastapi import FastAPI, Request, Response

from ..bilingual import Text
from ..commands.export.export_source import TARGETS
from ..runs.record import read_record
from .forms import read_form
from .place import PageError
from .starts import starts_of
from .studio import Studio, apart, keep, see

TAKEN = {
    "adapter": Text("Adapter, for vLLM and PEFT", "어댑터(vLLM, PEFT용)"),
    "merged": Text("Whole model in 16 bit, for transformers", "합친 16비트 모델(transformers용)"),
    "gguf": Text("GGUF, for llama.cpp and LM Studio", "GGUF(llama.cpp, LM Studio용)"),
    "gguf-lora": Text("GGUF of the adapter alone", "어댑터만 담은 GGUF"),
    "ollama": Text("Ollama, with its Modelfile", "Ollama(Modelfile 포함)"),
    "hub": Text("Hub: list what would go, send nothing", "허브: 올릴 파일 목록만 보기(보내지 않음)"),
}
"""Each target of `yoyak export`, in words."""
_QUANTIZATIONS = ("f16", "bf16", "q8_0", "f32")


def add_export_page(app: FastAPI, studio: Studio) -> None:
    """Add `/runs/NAME/export`."""

    @app.get("/runs/{name}/export", response_model=None)
    async def exports(request: Request, name: str) -> Response:
        """Show what can be exported, and what was."""
        return studio.page(request, "export.html", **await apart(_shown, studio, name))

    @app.post("/runs/{name}/export", response_model=None)
    async def export(request: Request, name: str) -> Response:
        """Start an export."""
        fields = dict(await read_form(request))
        folder = studio.place.run(name)
        to, quantization = fields.get("to"), fields.get("quantization", "f16")
        if to not in TARGETS or quantization not in _QUANTIZATIONS:
            raise PageError(400, Text("Choose what to export.", "무엇을 내보낼지 골라 주세요."))
        words = ["export", "--to", to, "--run", str(folder)]
        words += ["--quantization", quantization] if to in ("gguf", "ollama") else []
        words += ["--dry-run"] if to == "hub" else ["--out", str(folder / "exports" / to), "--overwrite"]
        started = await apart(studio.processes.start, "export", name, words)
        await keep(studio, request, "export", name)
        return see(f"/jobs/{started.key}")


def _shown(studio: Studio, name: str) -> dict[str, Any]:
    folder = studio.place.run(name)
    record = read_record(folder)
    done = starts_of(studio, name, "export")
    refused = (record.resolved.no_export if record else None) or {}
    return {
        "name": name,
        "targets": TAKEN,
        "quantizations": _QUANTIZATIONS,
        "refused": {str(target): str(why) for target, why in refused.items()},
        "finished": (folder / "final_model").is_dir(),
        "jobs": [
            (started, studio.processes.is_running(started), studio.processes.exit_code(started)) for started in done
        ],
        "free_bytes": shutil.disk_usage(folder).free,
    }
