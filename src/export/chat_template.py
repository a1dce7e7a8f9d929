"""The chat template that goes with an exported model: it renders the prompts that the model was trained on."""

import json
import re
from typing import Any

from jinja2 import TemplateError

from ..architectures import CHAT_LAYOUTS, ChatLayout
from ..config.schema import Config
from ..data.prompt.layouts import bos_ids, layout_of
from ..data.prompt.own_template import FIXED_DATE
from ..data.prompt.prompts import instruction_text, system_text
from ..data.prompt.reasoning import THINKING_OFF
from ..data.prompt.templates import PromptTemplate
from ..errors import YoyakError

_SAMPLE = "#Person1#: Shall we meet at 3?\n#Person2#: 네, 좋아요!"


def training_messages(config: Config, dialogue: str, with_system: bool = True) -> list[dict[str, str]]:
    """Return the chat messages that stand for a dialogue's training prompt.

    Chat format: the system message (left out where it is empty, or `with_system` is false) and the sentence with the
    dialogue below it. Instruction format: the dialogue alone, since its template holds the other texts.
    """
    if config.dataset.format_type == "instruction":
        return [{"role": "user", "content": dialogue.strip()}]
    user = {"role": "user", "content": f"{instruction_text(config)}\n{dialogue.strip()}"}
    system = system_text(config)
    return [{"role": "system", "content": system}, user] if system and with_system else [user]


def bos_text(config: Config, tokenizer: Any) -> str:
    """Return the BOS that the training prompts start with, as text; empty for layouts that have none."""
    is_chat = config.dataset.format_type == "chat"
    layout = layout_of(tokenizer, config.model.chat_template if is_chat else "auto")
    ids = bos_ids(tokenizer, layout, is_chat)
    return "".join(tokenizer.convert_ids_to_tokens(ids))


def trained_chat_template(config: Config, tokenizer: Any, prompt: PromptTemplate) -> str:
    """Return a Jinja chat template that renders a dialogue's messages as the prompt that was trained on, id for id.

    The layout as it was trained, with the configured system message where a request has none; for
    `model.chat_template: auto` the tokenizer's own template with its date fixed and thinking off.

    Raises:
        YoyakError: the tokenizer's own template can't be brought to render the training prompt.
    """
    bos = bos_text(config, tokenizer)
    if config.dataset.format_type == "instruction":
        before, after = quoted(prompt.before), quoted(prompt.after)
        template = f"{{{{ {before} + messages[-1]['content'] | trim + {after} }}}}"
    else:
        chosen = config.model.chat_template
        own, layout = tokenizer.chat_template if chosen == "auto" else None, layout_of(tokenizer, chosen)
        if own:
            template = _own_layout(own, bos, config, tokenizer, prompt)
        elif layout is not None:
            template = _layout(layout, bos, system_text(config), prompt.after)
        else:
            said = "the tokenizer has no chat template and no layout's control tokens; set model.chat_template"
            raise YoyakError(said)
    if not _renders(template, config, tokenizer, prompt):
        raise YoyakError(
            "the tokenizer's chat template does not render the training prompt; "
            f"train with model.chat_template={' or '.join(CHAT_LAYOUTS)} to export a chat model"
        )
    return template


def quoted(text: str) -> str:
    """Return text as a string literal of Jinja, which reads JSON's escapes."""
    return json.dumps(text, ensure_ascii=False)


def _layout(layout: ChatLayout, bos: str, system: str, tail: str) -> str:
    """Return a layout as a template; `tail` is the text between a dialogue and its summary."""
    start, middle, end = layout.before_role, layout.before_content, layout.after_content
    opening = ""
    if system:
        message = quoted(f"{start}system{middle}{system}{end}")
        opening = f"{{% if messages[0]['role'] != 'system' %}}{{{{ {message} }}}}{{% endif %}}"
    parts = (quoted(start), "message['role']", quoted(middle), "message['content'] | trim", quoted(end))
    answer = quoted(tail.removeprefix(end))
    return (
        (f"{{{{ {quoted(bos)} }}}}" if bos else "")
        + opening
        + f"{{% for message in messages %}}{{{{ {' + '.join(parts)} }}}}{{% endfor %}}"
        + f"{{% if add_generation_prompt %}}{{{{ {answer} }}}}{{% endif %}}"
    )


def _own_layout(own: str, bos: str, config: Config, tokenizer: Any, prompt: PromptTemplate) -> str:
    """Return a tokenizer's own template, changed as little as it takes to render the training prompt."""
    fixed = (_FOLDED_SYSTEM if prompt.folds_system else "") + _fixed(own)
    opened = f"{{{{ {quoted(bos)} }}}}"  # some leave it to the tokenizer
    candidates = [fixed, opened + fixed]
    asked = _as_trained(fixed, config, tokenizer, prompt)
    candidates += [asked, opened + asked]
    return next((template for template in candidates if _renders(template, config, tokenizer, prompt)), fixed)


_FOLDED_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{% set messages = [{'role': 'user', 'content': "
    "messages[0]['content'] | trim + '\\n\\n' + messages[1]['content'] | trim}] + messages[2:] %}{% endif %}"
)
"""Puts a system message before the user's, for templates that take none."""


def _fixed(template: str) -> str:
    """Return a template with the day's date replaced by the one of training and thinking off."""
    dated = re.sub(r"strftime_now\(\s*(['\"])(.*?)\1\s*\)", lambda call: quoted(FIXED_DATE.strftime(call[2])), template)
    off = [f"{{% set {name} = {json.dumps(value)} %}}" for name, value in THINKING_OFF.items() if name in template]
    return "".join(off) + dated


def _as_trained(template: str, config: Config, tokenizer: Any, prompt: PromptTemplate) -> str:
    """Return a template that asks for an answer as the training prompt does, where it would do so otherwise itself."""
    messages = training_messages(config, _SAMPLE)
    try:
        asked_nothing = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False)
    except (TemplateError, TypeError, ValueError):
        return template
    _, found, asked = (prompt.before + _SAMPLE + prompt.after).partition(asked_nothing)
    if not found:
        return template
    return (
        "{% set asks_for_an_answer = add_generation_prompt %}{% set add_generation_prompt = false %}"
        f"{template}{{% if asks_for_an_answer %}}{{{{ {quoted(asked)} }}}}{{% endif %}}"
    )


def _renders(template: str, config: Config, tokenizer: Any, prompt: PromptTemplate) -> bool:
    """Tell whether a template gives the ids of the training prompt."""
    messages = training_messages(config, _SAMPLE)
    try:
        text = tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=False, add_generation_prompt=True
        )
    except (TemplateError, TypeError, ValueError):
        return False
    # Not encode_prompt: this prompt is not one of the counted examples.
    expected = prompt.prompt_ids(_SAMPLE)
    return bool(tokenizer(text, add_special_tokens=False).input_ids == expected)
