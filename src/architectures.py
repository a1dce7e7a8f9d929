"""What is known of the models by name: one record for each architecture, tokenizer and chat layout, read by all rooms.

Here stands what a checkpoint doesn't say of itself. What its modules or its config do say is asked of them.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

LayoutName: TypeAlias = Literal["llama", "qwen"]
ChatTemplate: TypeAlias = Literal[LayoutName, "auto"]
"""Values of `model.chat_template`; `auto` is the tokenizer's own."""
PRODUCTS = {
    "qkv": ("q_proj", "k_proj", "v_proj"),
    "output": ("o_proj",),
    "gate_up": ("gate_proj", "up_proj"),
    "down": ("down_proj",),
}
"""Names of a layer's matrices, the same in all architectures below; those of one input are multiplied as one."""
LINEARS = tuple(name for names in PRODUCTS.values() for name in names)
DELTA_PRODUCTS = PRODUCTS | {
    "qkv": ("in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a"),
    "output": ("out_proj",),
}
"""The same of a layer with a gated delta rule in place of attention (Qwen3.5)."""
DELTA_LINEARS = tuple(name for product in ("qkv", "output") for name in DELTA_PRODUCTS[product])


@dataclass(frozen=True)
class ChatLayout:
    """How the messages of a chat are written: `before_role`, role, `before_content`, content, `after_content`.

    Attributes:
        name: in `model.chat_template`.
        control_tokens: what it is written with; a tokenizer that has all of them has this layout.
        end_of_turn: the one that ends a message, and a summary.
        bos: what a chat begins with, if anything.
        pad_candidates: tokens that tokenizers of this layout keep for padding.
    """

    name: LayoutName
    before_role: str
    before_content: str
    after_content: str
    control_tokens: tuple[str, ...]
    end_of_turn: str
    bos: str | None
    pad_candidates: tuple[str, ...]


@dataclass(frozen=True)
class KnownTokenizer:
    """A tokenizer whose counts of tokens are shipped.

    Attributes:
        name: in `planner/lengths.json`.
        layout: the chat layout that those counts are of.
        vocabularies: rows of the embedding of the models that have it.
        split: the expression by which its tokenizer.json splits text before it merges, and llama.cpp's name for that;
            None where steps of other kinds split it.
    """

    name: str
    layout: ChatLayout
    vocabularies: tuple[int, ...]
    split: tuple[str, str] | None = None


@dataclass(frozen=True)
class Architecture:
    """The models of one `model_type` of transformers.

    Attributes:
        model_type: in a checkpoint's config.json, and the name of transformers' module.
        tokenizer: the one that most of them have.
    """

    model_type: str
    tokenizer: KnownTokenizer

    @property
    def layout(self) -> ChatLayout:
        """Return the chat layout of a checkpoint whose tokenizer has the control tokens of none."""
        return self.tokenizer.layout


_LLAMA3_LAYOUT = ChatLayout(
    name="llama",
    before_role="<|start_header_id|>",
    before_content="<|end_header_id|>\n\n",
    after_content="<|eot_id|>",
    control_tokens=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    end_of_turn="<|eot_id|>",
    bos="<|begin_of_text|>",
    pad_candidates=("<|finetune_right_pad_id|>", "<|reserved_special_token_2|>"),
)
_CHATML = ChatLayout(
    name="qwen",
    before_role="<|im_start|>",
    before_content="\n",
    after_content="<|im_end|>\n",
    control_tokens=("<|im_start|>", "<|im_end|>"),
    end_of_turn="<|im_end|>",
    bos=None,
    pad_candidates=("<|endoftext|>",),
)
CHAT_LAYOUTS: dict[str, ChatLayout] = {layout.name: layout for layout in (_LLAMA3_LAYOUT, _CHATML)}

_LLAMA3 = KnownTokenizer(
    name="llama3",
    layout=_LLAMA3_LAYOUT,
    vocabularies=(128_256,),
    split=(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+",
        "llama-bpe",
    ),
)
_QWEN = KnownTokenizer(
    name="qwen3",
    layout=_CHATML,
    vocabularies=(151_936, 151_669),
    split=(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+",
        "qwen2",
    ),
)
_SMOLLM2 = KnownTokenizer(name="smollm2", layout=_CHATML, vocabularies=(49_152,))
TOKENIZERS = {tokenizer.name: tokenizer for tokenizer in (_LLAMA3, _QWEN, _SMOLLM2)}

ARCHITECTURES = {
    architecture.model_type: architecture
    for architecture in (
        Architecture("llama", _LLAMA3),
        Architecture("qwen2", _QWEN),
        Architecture("qwen3", _QWEN),
    )
}
