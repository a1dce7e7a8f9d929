"""A Modelfile for Ollama that renders the training prompt around a dialogue."""

import json
import re
from collections.abc import Sequence
from typing import Any

from ..config.schema import Config
from ..data.prompt.templates import PromptTemplate
from .chat_template import bos_text

_CONTEXT_STEP = 256  # llama.cpp rounds a context up to whole batches


def dialogue_prompt(config: Config, tokenizer: Any, prompt: PromptTemplate) -> tuple[str, str]:
    """Return the training prompt's text before and after the dialogue, control tokens written out, without BOS.

    llama.cpp puts the BOS there itself, as the GGUF file says.
    """
    return prompt.before.removeprefix(bos_text(config, tokenizer)), prompt.after


def modelfile(
    config: Config,
    tokenizer: Any,
    prompt: PromptTemplate,
    gguf_name: str,
    context_length: int,
    end_ids: Sequence[int] = (),
) -> str:
    """Return the text of a Modelfile that stands beside the GGUF file of that name.

    `context_length` is the most tokens that the model takes; `end_ids` end a summary beside the prompt's own end token
    and the tokenizer's.
    """
    before, after = dialogue_prompt(config, tokenizer, prompt)
    end = tokenizer.convert_ids_to_tokens(prompt.end_id)
    template = f"{_go_text(before)}{{{{ .Prompt }}}}{_go_text(after)}{{{{ .Response }}}}{_go_text(end)}"
    room = prompt.encoder_max_len + prompt.decoder_max_len
    context = min(-(-room // _CONTEXT_STEP) * _CONTEXT_STEP, context_length)
    more = [tokenizer.eos_token, *tokenizer.convert_ids_to_tokens(list(end_ids))]
    stops = dict.fromkeys([end, *filter(None, more)])
    generation = config.generation
    parameters = {
        "temperature": f"{generation.temperature:g}" if generation.do_sample else "0",
        # Ollama's own defaults leave tokens out of what is drawn from, and punish those that have occurred.
        **({"top_k": str(generation.top_k), "top_p": f"{generation.top_p:g}"} if generation.do_sample else {}),
        "repeat_penalty": f"{generation.repetition_penalty:g}",
        "num_ctx": str(context),
        "num_predict": str(prompt.decoder_max_len),
    }
    lines = [
        "# A summarizer: send a dialogue, one turn a line, and nothing else.",
        "# The template adds the texts that the model was trained with.",
        f"FROM ./{gguf_name}",
        f'TEMPLATE """{template}"""',
        *(f"PARAMETER stop {json.dumps(stop, ensure_ascii=False)}" for stop in stops),
        *(f"PARAMETER {name} {value}" for name, value in parameters.items()),
    ]
    return "\n".join(lines) + "\n"


def _go_text(text: str) -> str:
    """Return text as a Go template prints it unchanged, inside a Modelfile's triple quotes.

    Braces and triple quotes would end it, and Ollama's parser drops what is unprintable to it, wide spaces among it.
    """
    odd = {character for character in text if character not in " \n\t" and not character.isprintable()}
    pattern = "|".join(map(re.escape, ["{{", "}}", '"""', *sorted(odd)]))
    return re.sub(pattern, lambda match: '{{ "' + "".join(f"\\U{ord(c):08x}" for c in match[0]) + '" }}', text)
