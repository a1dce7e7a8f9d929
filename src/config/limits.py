"""What a config may not do, whoever wrote it: be endless, hold a secret, or run a stranger's code."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import yaml

from ..errors import YoyakError
from ..redaction import kind_of_secret
from .leaf import Leaf

MAX_BYTES = 1 << 18
"""Of a YAML file; ours have a few hundred bytes."""
MAX_DEPTH = 16
MAX_NODES = 20_000
"""Of a document with each `*alias` counted as what it stands for."""


class TooDeepError(yaml.MarkedYAMLError):
    """A YAML document nests more than `MAX_DEPTH` levels."""

    def __init__(self, mark: yaml.Mark):
        super().__init__(problem_mark=mark)
        self.mark = mark


class ShallowLoader(yaml.SafeLoader):
    """PyYAML's safe loader that stops at a document too deep, by TooDeepError.

    Without that, its time grows with the square of the depth: 2,000 brackets take seconds.
    """

    depth = -1

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Return the next node, as PyYAML does; a document's root is at depth 0."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooDeepError(self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def refuse_large(root: yaml.Node, refuse: Callable[[yaml.Mark, str], NoReturn]) -> None:
    """Call `refuse` with the place and the reason where aliases make a document too deep, or huge.

    Each node is looked at once: nine lines of nine aliases each stand for 9 ** 9 values.
    """
    sizes: dict[int, int] = {}

    def size(node: yaml.Node, depth: int) -> int:
        known = sizes.get(id(node))
        if known == 0:
            refuse(node.start_mark, "an alias stands inside of what it names")
        if known is not None:
            return known
        if depth > MAX_DEPTH:
            refuse(node.start_mark, f"more than {MAX_DEPTH} levels")
        sizes[id(node)] = 0  # under way
        children = node.value if isinstance(node, yaml.SequenceNode) else []
        if isinstance(node, yaml.MappingNode):
            children = [child for pair in node.value for child in pair]
        total = 1
        for child in children:
            total += size(child, depth + 1)
            if total > MAX_NODES:
                refuse(node.start_mark, f"more than {MAX_NODES} values")
        sizes[id(node)] = total
        return total

    size(root, 0)


def refuse_unsafe(leaves: Mapping[str, Leaf]) -> None:
    """Raise YoyakError where a setting holds a secret, or a file (and not the command line) lets code run."""
    for setting, leaf in leaves.items():
        kind = kind_of_secret(leaf.value)
        if kind is not None:
            raise YoyakError(
                f"{leaf.source}: {setting} holds {kind}, and settings are written to run.json and shown in reports; "
                "tokens come from the environment (HF_TOKEN, WANDB_API_KEY) or from `hf auth login`"
            )
    trust = leaves.get("model.trust_remote_code")
    if trust is not None and trust.value is True and trust.source != "command line":
        raise YoyakError(
            f"{trust.source}: model.trust_remote_code = true: a file can't let a checkpoint's code run; if you trust "
            "the checkpoint, say model.trust_remote_code=true on the command line"
        )
