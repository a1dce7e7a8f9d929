"""`yoyak export`: an adapter or a trained model in the form that other programs read."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...bilingual import count
from ...config.schema import Config
from ...errors import YoyakError, nearest
from ..console import create_console, print_json, quiet_libraries
from ..together import stops_as_exits
from .export_source import TARGETS, ExportRequest, Source, find_source, source_config

if TYPE_CHECKING:
    from rich.console import Console


def export_model(request: ExportRequest) -> None:
    """Write the export that is asked for and say what is in it.

    Raises:
        YoyakError: what is asked for does not go together, can't be read, or has no place.
        SystemExit: stopped by Ctrl-C (130) or SIGTERM (143); nothing half-written stays.
    """
    _refuse_bad_request(request)
    source = find_source(request.adapter, request.run)
    quiet_libraries()
    from ...training.guards.interrupts import stopped_by_sigterm

    with stops_as_exits(), stopped_by_sigterm():
        result = _export(request, source)
    _show(result, request.as_json)


def _export(request: ExportRequest, source: Source) -> dict[str, Any]:
    """Write the export, and send it where that is asked for; return what is shown of it."""
    console = create_console(stderr=True)
    if request.dry_run:
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="yoyak_export_") as scratch:
            result = _write(request, source, Path(scratch) / "export", console)
        result["folder"], result["dry_run"] = None, True
    else:
        from ...export.folder import refuse_occupied

        out = _out(request)
        refuse_occupied(out, request.overwrite)
        result = _write(request, source, out, console)
        if request.push:
            from ...export.hub import push

            console.print(f"Sending {out} to {request.push} ...", style="dim")
            result["pushed"] = push(out, request.push)
    return result


def _refuse_bad_request(request: ExportRequest) -> None:
    if request.to not in TARGETS:
        raise YoyakError(f"--to {request.to}: unknown{nearest(request.to, list(TARGETS))}; it is {', '.join(TARGETS)}")
    if request.base not in ("dequantized", "original"):
        raise YoyakError(f"--base {request.base}: it is dequantized or original")
    if (request.push or request.dry_run or request.merge is not None) and request.to != "hub":
        raise YoyakError("--push, --dry-run and --merge go with --to hub")
    if request.push:
        from ...export.hub import refuse_bad_repo

        refuse_bad_repo(request.push)
    if request.to in ("gguf", "ollama"):
        from ...export.gguf_quantize import refuse_unknown_quantization

        refuse_unknown_quantization(request.quantization)
    if not request.dry_run:
        _out(request)


def _out(request: ExportRequest) -> Path:
    if request.out is None:
        raise YoyakError("name the export's folder: --out DIR")
    return request.out


def _write(request: ExportRequest, source: Source, out: Path, console: "Console") -> dict[str, Any]:
    """Write the export into `out` and return what there is to say about it."""
    from .export_mean import averaged

    with averaged(request, source, out, console) as (request, source):
        return _write_one(request, source, out, console)


def _write_one(request: ExportRequest, source: Source, out: Path, console: "Console") -> dict[str, Any]:
    """Write the export of what is in one folder."""
    from ...export.left_out import left_out
    from .export_targets import Export, write_adapter_folder, write_gguf_lora
    from .export_whole import write_whole_model

    config = source_config(source, request)
    job = Export(request, source, config, out, console)
    writers: dict[str, Callable[[Export], dict[str, Any]]] = {
        "adapter": write_adapter_folder,
        "gguf-lora": write_gguf_lora,
    }
    to = request.to
    if request.merge is False and not source.is_adapter:
        raise YoyakError(f"--no-merge: {source.folder} is a whole model; leave it out")
    if to == "hub":
        to = "merged" if _merges(request, source, config) else "adapter"
    if to == "adapter" and request.base == "original":
        raise YoyakError("--base original: the hub gets the adapter alone; add --merge, or leave --base out")
    if to == "adapter" and request.check > ExportRequest.check:
        raise YoyakError("--check: the hub gets the adapter alone; add --merge, or leave --check out")
    result = {"to": request.to, "folder": str(out), **writers.get(to, write_whole_model)(job)}
    if source.parts:
        result["average_of"] = [part.name for part in source.parts]
    if settings := ", ".join(f"generation.{one}" for one in left_out(config.generation, request.to)):
        console.print(
            f"Other programs generate without {settings} unless you tell them, and write other summaries than yoyak",
            style="yellow",
        )
    return result


def _merges(request: ExportRequest, source: Source, config: Config) -> bool:
    """Tell whether the hub gets whole weights: asked for, all there is, or all that others could load."""
    from ...export.model_card import is_on_hub

    if not source.is_adapter or request.merge is not None:
        return request.merge is not False or not source.is_adapter
    return not is_on_hub(config.model.checkpoint)


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    say, loss = create_console().print, result.get("loss")
    if loss:
        base = f"merged onto the {result['base']} weights" if result.get("base") else "as written"
        dialogues = f"{loss['dialogues']} {'dialogue' if loss['dialogues'] == 1 else 'dialogues'}"
        say(f"Loss on {dialogues}: {loss['trained']:.4f} as trained, {loss['merged']:.4f} {base}")
    elif "loss" in result:
        say("The loss was not checked (--check 0)")
    if parts := result.get("average_of"):
        say(f"Mean of the weights of {', '.join(parts)}")
    total = sum(file["bytes"] for file in result["files"])
    place = "Would go" if result.get("dry_run") else f"Written to {result['folder']}"
    say(f"{place}: {count(len(result['files']), 'file')}, {_size(total)}")
    for file in result["files"]:
        say(f"  {_size(file['bytes']):>9}  {file['name']}")
    if result.get("pushed"):
        say(f"Sent to {result['pushed']}")
    elif result.get("next") and not result.get("dry_run"):
        say(f"Next: {result['next']}")


def _size(count: int) -> str:
    for unit, bytes_a_unit in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= bytes_a_unit:
            return f"{count / bytes_a_unit:.1f} {unit}"
    return f"{count} B"
