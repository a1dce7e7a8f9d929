"""Which GPUs of the machine `--gpus` names."""

import os
from collections.abc import Mapping

from ..errors import YoyakError


def chosen_cards(given: str, count: int, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the GPUs of `all`, of a number of them, or of a list such as `0,2`, as `CUDA_VISIBLE_DEVICES` names them.

    Args:
        given: what follows `--gpus`.
        count: of GPUs that are visible.
        environment: whose `CUDA_VISIBLE_DEVICES`, where it is set, is what a list's numbers count in.

    Raises:
        YoyakError: there are fewer, or it names none.
    """
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    names = [name.strip() for name in visible.split(",")][:count] if visible else [str(n) for n in range(count)]
    parts = [part.strip() for part in given.split(",") if part.strip()]
    if not names:
        raise YoyakError(
            f"--gpus {given}: torch sees no GPU here; leave it out, or use the processor with --processes N"
        )
    if given == "all":
        return names
    if not parts or not all(part.isascii() and part.isdecimal() for part in parts):
        raise YoyakError(f"--gpus {given}: is neither all, nor a number, nor a list such as 0,2")
    numbers = [int(part) for part in parts] if "," in given else list(range(int(parts[0])))
    if not numbers:
        raise YoyakError("--gpus 0: names no GPU; the first one alone is `--gpus 1` or `--gpus 0,`")
    if len(set(numbers)) < len(numbers):
        raise YoyakError(f"--gpus {given}: names a GPU twice")
    if max(numbers) >= len(names):
        raise YoyakError(f"--gpus {given}: there {'is' if len(names) == 1 else 'are'} {len(names)} here, from 0")
    return [names[number] for number in numbers]
