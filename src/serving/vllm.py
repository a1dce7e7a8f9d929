"""Handing over to vLLM: the same model name, prompt and limits, served by `vllm serve`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config.schema import Config, GenerationSettings
from ..config.typed import typed_path
from ..data.prompt.plain_text import LINE_ENDS
from ..data.prompt.prompts import instruction_text, system_text
from ..data.prompt.templates import PromptTemplate
from ..errors import YoyakError
from ..export.adapter_file import read_adapter
from ..export.chat_template import quoted
from ..export.vllm_rules import max_lora_rank, vllm_objections

_DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
_SAMPLE = "#Person1#: Shall we meet at 3?\n#Person2#: 네, 좋아요!"


def find_vllm() -> str:
    """Return the path of the command `vllm`: beside this Python, or on the PATH.

    Raises:
        YoyakError: it is not installed.
    """
    beside = Path(sys.executable).with_name("vllm")
    found = str(beside) if beside.is_file() else shutil.which("vllm")
    if found is None:
        raise YoyakError(
            "--engine vllm: vLLM is not installed here; install it (pip install vllm, a GPU machine with Linux), or "
            "leave --engine out"
        )
    return found


def dialogue_chat_template(config: Config, tokenizer: Any, prompt: PromptTemplate) -> str:
    """Return a Jinja chat template that renders a user message, which is a dialogue, as its training prompt.

    Raises:
        YoyakError: the tokenizer does not give the rendered text the ids of the training prompt.
    """
    is_chat = config.dataset.format_type == "chat"
    system = system_text(config) if is_chat else ""
    # vLLM reads control tokens out of the rendered text, those that a dialogue spells out too.
    controls = json.dumps(sorted(prompt.encoder.controls), ensure_ascii=False)
    spelled = "The dialogue holds a control token of the model, which this server can't read as text."
    refusal = "This model summarizes one dialogue: send it as the only user message, without a system message."
    template = (
        "{% if messages[0]['role'] == 'system' and messages[0]['content'] | trim == " + quoted(system) + " %}"
        "{% set messages = messages[1:] %}{% endif %}"
        "{% if messages | length != 1 or messages[0]['role'] != 'user' %}"
        "{{ raise_exception(" + quoted(refusal) + ") }}{% endif %}"
        "{% set dialogue = messages[0]['content']"
        + "".join(f" | replace({quoted(end)}, {quoted(chr(10))})" for end in LINE_ENDS)
        + " | trim %}"
        + (_without(f"{system}\n\n", "") if prompt.folds_system else "")
        + _without(instruction_text(config) + "\n", "")
        + ("" if is_chat else _without(prompt.lead.strip(), prompt.trail.strip()))
        + f"{{% for token in {controls} %}}{{% if token in dialogue %}}{{{{ raise_exception({quoted(spelled)}) }}}}"
        + "{% endif %}{% endfor %}"
        + f"{{{{ {quoted(prompt.before)} + dialogue + {quoted(prompt.after)} }}}}"
    )
    rendered = tokenizer.apply_chat_template(
        [{"role": "user", "content": _SAMPLE}], chat_template=template, tokenize=False, add_generation_prompt=True
    )
    expected = prompt.prompt_ids(_SAMPLE)
    if tokenizer(rendered, add_special_tokens=False).input_ids != expected:
        raise YoyakError(
            "--engine vllm: the tokenizer does not read the training prompt's text as its ids; leave --engine out"
        )
    return template


def _without(opening: str, closing: str) -> str:
    """Return the part of a template that takes the prompt's own text away from a dialogue that starts with it."""
    first, last = len(opening), -len(closing) if closing else ""
    return (
        "{% if dialogue.startswith(" + quoted(opening) + ") and dialogue.endswith(" + quoted(closing) + ") %}"
        "{% set dialogue = dialogue[" + f"{first}:{last}" + "] | trim %}{% endif %}"
    )


def vllm_arguments(
    config: Config, checkpoint: str, template_file: str, max_batch: int, generation: str = "vllm"
) -> list[str]:
    """Return the arguments of `vllm serve` for a config's base model with its adapter, if it has one.

    `generation` is the folder of a generation_config.json; by default vLLM takes the end tokens of the model's own.

    Raises:
        YoyakError: vLLM does not load the adapter.
    """
    name, settings, limits = config.experiment.name, config.generation, config.tokenizer
    defaults = {
        "temperature": settings.temperature if settings.do_sample else 0.0,
        "top_p": settings.top_p,
        "repetition_penalty": settings.repetition_penalty,
        "max_new_tokens": limits.decoder_max_len,
    }
    if settings.top_k:  # of requests with a temperature too, as top_p
        defaults["top_k"] = settings.top_k
    arguments = [checkpoint, "--dtype", _DTYPES[config.model.dtype]]
    arguments += ["--max-model-len", str(limits.encoder_max_len + limits.decoder_max_len)]
    arguments += ["--max-num-seqs", str(max_batch), "--chat-template", template_file]
    arguments += ["--generation-config", generation, "--override-generation-config", json.dumps(defaults)]
    if config.model.trust_remote_code:
        arguments.append("--trust-remote-code")
    if config.model.revision is not None:
        arguments += ["--revision", config.model.revision, "--tokenizer-revision", config.model.revision]
    if config.lora.use_lora and config.lora.use_qlora:
        # The weights that the adapter was trained on: vLLM's loader makes NF4 with double quantization.
        arguments += ["--quantization", "bitsandbytes"]
    if config.lora.adapter is None:
        return [*arguments, "--served-model-name", name]
    adapter = read_adapter(Path(config.lora.adapter))
    objections = vllm_objections(adapter)
    if objections:
        raise YoyakError(
            f"{config.lora.adapter}: vLLM does not load adapters with {'; '.join(objections)}; merge it first "
            "(yoyak export --to merged) and serve that model"
        )
    modules = f"{name}={Path(config.lora.adapter).resolve()}"
    lora = ["--enable-lora", "--lora-modules", modules, "--max-lora-rank", str(max_lora_rank(adapter))]
    return [*arguments, "--served-model-name", f"{name}-base", *lora]


def refuse_unset(settings: GenerationSettings) -> None:
    """Raise YoyakError for settings that vLLM knows in requests only, and has no default of the server for."""
    for name in ("min_new_tokens", "no_repeat_ngram_size"):
        if value := getattr(settings, name):
            raise YoyakError(
                f"--engine vllm: generation.{name} = {value} can't be set for all requests there; add "
                f"generation.{name}=0, or leave --engine out"
            )


def refuse_text_names(config: Config, base: Any) -> None:
    """Raise YoyakError for an adapter of a text part whose layers are not named as in the whole model that vLLM loads.

    `base` is the base model's own config.
    """
    from ..models.text_part import names_in_whole

    if config.lora.adapter is None:
        return
    whole = tuple(start for text, start in names_in_whole(base).items() if text != start)
    layers = read_adapter(Path(config.lora.adapter)).factors
    if whole and not any(layer.startswith(whole) for layer in layers):
        folder = typed_path(config.lora.adapter)
        raise YoyakError(
            f"{config.lora.adapter}: names its layers as the text part alone does, and vLLM loads the whole "
            f"{base.model_type} model; export it first (yoyak export --to adapter --adapter {folder} "
            "--out FOLDER) and serve that"
        )


def serve_with_vllm(
    config: Config,
    tokenizer: Any,
    prompt: PromptTemplate,
    checkpoint: str,
    end_ids: Sequence[int],
    *,
    host: str,
    port: int,
    api_key: str | None,
    max_batch: int,
) -> None:
    """Run `vllm serve` until it ends; SIGTERM is passed on.

    `checkpoint` is the base model's folder or hub name, `end_ids` all tokens that end a summary, `max_batch` the most
    summaries at a time. The key is handed over in the environment, where other users of the machine don't see it.

    Raises:
        YoyakError: vLLM is not installed or does not take the adapter.
        SystemExit: vLLM ended with an error, with its exit code.
    """
    vllm = find_vllm()
    with tempfile.TemporaryDirectory(prefix="yoyak-") as folder:
        template_file = Path(folder) / "chat_template.jinja"
        template_file.write_text(dialogue_chat_template(config, tokenizer, prompt), encoding="utf-8")
        # vLLM knows the tokenizer's end token and those of this file, whose template's may be another.
        ends = json.dumps({"eos_token_id": list(end_ids)})
        (Path(folder) / "generation_config.json").write_text(ends, encoding="utf-8")
        arguments = vllm_arguments(config, checkpoint, str(template_file), max_batch, folder)
        command = [vllm, "serve", *arguments, "--host", host, "--port", str(port)]
        environment = os.environ | ({"VLLM_API_KEY": api_key} if api_key is not None else {})
        code = run_to_its_end(command, environment)
    if code:
        raise SystemExit(code if code > 0 else 128 - code)


def run_to_its_end(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command and return its exit code; SIGTERM is passed on, one that comes while it is being started too."""
    process: subprocess.Popen[bytes] | None = None
    told = False

    def pass_on(*_: object) -> None:
        nonlocal told
        told = True
        if process is not None:
            process.terminate()

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        process = subprocess.Popen(command, env=environment)
        if told:
            process.terminate()
        return process.wait()
    except KeyboardInterrupt:
        if process is not None:
            process.terminate()
            process.wait()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
