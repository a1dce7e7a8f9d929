"""Chat templates in the layouts of model families, written for the tests, with the control tokens that each needs."""

from typing import NamedTuple

from transformers import PreTrainedTokenizerFast

from src.tests.tiny_models import tiny_tokenizer


class Layout(NamedTuple):
    """A chat template, the control tokens of its tokenizer, and what a whole prompt with system text reads.

    The prompt is of the system text `S`, the sentence `I` and the dialogue `A: a`; `answer` is a summary `s` with all
    that the template puts around it, up to the end token.
    """

    template: str
    tokens: tuple[str, ...]
    prompt: str
    answer: str
    bos: str | None = None


_CHATML_TURNS = (
    "{% for m in messages %}{% if m.role != 'assistant' %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
    "{% else %}ANSWER{% endif %}{% endfor %}{% if add_generation_prompt %}ASKED{% endif %}"
)
_CHATML_TOKENS = ("<|im_start|>", "<|im_end|>", "<think>", "</think>")
_CHATML_PROMPT = "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nI\nA: a<|im_end|>\n<|im_start|>assistant\n"


def _chatml(answer: str, asked: str) -> str:
    return _CHATML_TURNS.replace("ANSWER", answer).replace("ASKED", asked)


LAYOUTS = {
    "qwen3 hybrid": Layout(
        _chatml(
            "<|im_start|>assistant\n{% if loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n",
            "<|im_start|>assistant\n{% if enable_thinking is defined and enable_thinking is false %}"
            "<think>\n\n</think>\n\n{% endif %}",
        ),
        _CHATML_TOKENS,
        _CHATML_PROMPT + "<think>\n\n</think>\n\n",
        "s<|im_end|>",
    ),
    "qwen3.5": Layout(  # reasons unless it is switched off, and its turns hold a block in any case
        _chatml(
            "<|im_start|>assistant\n<think>\n{{ m.reasoning_content }}\n</think>\n\n{{ m.content }}<|im_end|>\n",
            "<|im_start|>assistant\n{% if enable_thinking is false %}<think>\n\n</think>\n\n{% else %}<think>\n"
            "{% endif %}",
        ),
        _CHATML_TOKENS,
        _CHATML_PROMPT + "<think>\n\n</think>\n\n",
        "s<|im_end|>",
    ),
    "qwen3 2507": Layout(
        _chatml("<|im_start|>assistant\n{{ m.content }}<|im_end|>\n", "<|im_start|>assistant\n"),
        _CHATML_TOKENS,
        _CHATML_PROMPT,
        "s<|im_end|>",
    ),
    "block in what asks only": Layout(
        _chatml(
            "<|im_start|>assistant\n{{ m.content }}<|im_end|>\n",
            "<|im_start|>assistant\n{% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}",
        ),
        _CHATML_TOKENS,
        _CHATML_PROMPT + "<think>\n\n</think>\n\n",
        "s<|im_end|>",
    ),
    "hyperclova x think": Layout(  # without a word about reasoning the model itself goes on after "assistant"
        _chatml(
            "<|im_start|>assistant\n{{ m.content }}<|im_end|>\n",
            "<|im_start|>assistant{% if force_reasoning %}/think\n{% elif skip_reasoning %}\n{% endif %}",
        ),
        _CHATML_TOKENS[:2],
        _CHATML_PROMPT,
        "s<|im_end|>",
    ),
    "granite": Layout(
        "{% for m in messages %}<|start_of_role|>{{ m.role }}<|end_of_role|>{{ m.content }}<|end_of_text|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|start_of_role|>assistant"
        "{% if thinking is not defined or thinking %} with thoughts{% endif %}<|end_of_role|>{% endif %}",
        ("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"),
        "<|start_of_role|>system<|end_of_role|>S<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>I\nA: a<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>",
        "s<|end_of_text|>",
    ),
    "gpt-oss": Layout(  # the model itself chooses the channel when it is asked
        "{% for m in messages %}{% if m.role == 'assistant' %}<|start|>assistant<|channel|>final<|message|>"
        "{{ m.content }}{% if loop.last and not add_generation_prompt %}<|return|>{% else %}<|end|>{% endif %}"
        "{% elif m.role == 'system' %}<|start|>developer<|message|># Instructions\n\n{{ m.content }}\n\n<|end|>"
        "{% else %}<|start|>user<|message|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<|start|>assistant{% endif %}",
        ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>"),
        "<|start|>developer<|message|># Instructions\n\nS\n\n<|end|><|start|>user<|message|>I\nA: a<|end|>"
        "<|start|>assistant<|channel|>final<|message|>",
        "s<|return|>",
    ),
    "deepseek r1": Layout(  # opens the reasoning when it is asked
        "{{ bos_token }}{% for m in messages if m.role == 'system' %}{{ m.content }}{% endfor %}"
        "{% for m in messages %}{% if m.role == 'user' %}<|User|>{{ m.content }}{% elif m.role == 'assistant' %}"
        "<|Assistant|>{{ m.content.split('</think>')[-1] }}<|end_of_sentence|>{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<|Assistant|><think>\n{% endif %}",
        ("<|begin|>", "<|User|>", "<|Assistant|>", "<|end_of_sentence|>", "<think>", "</think>"),
        "<|begin|>S<|User|>I\nA: a<|Assistant|>",
        "s<|end_of_sentence|>",
        "<|begin|>",
    ),
    "deepseek v3.1": Layout(
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}{% elif m.role == 'user' %}"
        "<|User|>{{ m.content }}{% else %}<|Assistant|></think>{{ m.content }}<|end_of_sentence|>{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}<|Assistant|>{% if thinking %}<think>{% else %}</think>{% endif %}"
        "{% endif %}",
        ("<|begin|>", "<|User|>", "<|Assistant|>", "<|end_of_sentence|>", "<think>", "</think>"),
        "<|begin|>S<|User|>I\nA: a<|Assistant|></think>",
        "s<|end_of_sentence|>",
        "<|begin|>",
    ),
    "exaone 4": Layout(
        "{% for m in messages %}[|{{ m.role }}|]\n{% if m.role == 'assistant' %}<think>\n\n</think>\n\n{% endif %}"
        "{{ m.content }}[|endofturn|]\n{% endfor %}{% if add_generation_prompt %}[|assistant|]\n"
        "{% if enable_thinking is defined and enable_thinking %}<think>\n{% else %}<think>\n\n</think>\n\n{% endif %}"
        "{% endif %}",
        ("[|system|]", "[|user|]", "[|assistant|]", "[|endofturn|]", "<think>", "</think>"),
        "[|system|]\nS[|endofturn|]\n[|user|]\nI\nA: a[|endofturn|]\n[|assistant|]\n<think>\n\n</think>\n\n",
        "s[|endofturn|]",
    ),
    "smollm3": Layout(  # the mode stands in the system message, the date too
        "{% set mode = '/no_think' if enable_thinking is defined and not enable_thinking else '/think' %}"
        "<|im_start|>system\nToday: {{ strftime_now('%d %B %Y') }}\nReasoning Mode: {{ mode }}\n\n"
        "{% if messages[0].role == 'system' %}{{ messages[0].content }}{% endif %}<|im_end|>\n"
        "{% for m in messages if m.role != 'system' %}{% if m.role == 'user' %}<|im_start|>user\n{{ m.content }}"
        "<|im_end|>\n{% else %}<|im_start|>assistant\n{% if mode == '/no_think' %}<think>\n\n</think>\n{% endif %}"
        "{{ m.content.lstrip('\\n') }}<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}"
        "<|im_start|>assistant\n{% if mode == '/no_think' %}<think>\n\n</think>\n{% endif %}{% endif %}",
        _CHATML_TOKENS,
        "<|im_start|>system\nToday: 26 July 2024\nReasoning Mode: /no_think\n\nS<|im_end|>\n"
        "<|im_start|>user\nI\nA: a<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n",
        "s<|im_end|>",
    ),
    "mistral": Layout(  # no system message, and a space before the answer
        "{{ bos_token }}{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
        "{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %} {{ m.content }}</s>{% endif %}{% endfor %}",
        ("<s>",),
        "<s>[INST] S\n\nI\nA: a [/INST]",
        " s</s>",
        "<s>",
    ),
    "mistral v3": Layout(
        "{{ bos_token }}{% for m in messages if m.role != 'system' %}{% if m.role == 'user' %}[INST] "
        "{% if loop.last or loop.nextitem.role == 'assistant' and loop.index0 == 0 %}"
        "{% if messages[0].role == 'system' %}{{ messages[0].content }}\n\n{% endif %}{% endif %}{{ m.content }}[/INST]"
        "{% else %} {{ m.content }}</s>{% endif %}{% endfor %}",
        ("<s>", "[INST]", "[/INST]"),
        "<s>[INST] S\n\nI\nA: a[/INST]",
        " s</s>",
        "<s>",
    ),
    "llama 2": Layout(
        "{% for m in messages if m.role != 'system' %}{% if m.role == 'user' %}{{ bos_token }}[INST] "
        "{% if messages[0].role == 'system' %}<<SYS>>\n{{ messages[0].content }}\n<</SYS>>\n\n{% endif %}"
        "{{ m.content.strip() }} [/INST]{% else %} {{ m.content.strip() }} </s>{% endif %}{% endfor %}",
        ("<s>",),
        "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nI\nA: a [/INST]",
        " s </s>",
        "<s>",
    ),
    "zephyr": Layout(
        "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}</s>\n{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
        (),
        "<|system|>\nS</s>\n<|user|>\nI\nA: a</s>\n<|assistant|>\n",
        "s</s>",
    ),
    "gemma": Layout(  # refuses a system message
        "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
        "{% endif %}{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
        "{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
        "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
        ("<bos>", "<start_of_turn>", "<end_of_turn>"),
        "<bos><start_of_turn>user\nS\n\nI\nA: a<end_of_turn>\n<start_of_turn>model\n",
        "s<end_of_turn>",
        "<bos>",
    ),
    "silent about the system": Layout(  # leaves a system message out without a word
        "{% for m in messages if m.role != 'system' %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
        _CHATML_TOKENS[:2],
        "<|im_start|>user\nS\n\nI\nA: a<|im_end|>\n<|im_start|>assistant\n",
        "s<|im_end|>",
    ),
}
"""By the family whose layout each has."""


def tokenizer_of(layout: Layout) -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer with a layout's control tokens and its template."""
    roles = {"bos_token": layout.bos} if layout.bos else {}
    tokenizer = tiny_tokenizer(layout.tokens, **roles)
    tokenizer.chat_template = layout.template
    return tokenizer
