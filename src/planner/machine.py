"""The card of this machine: asked of the driver, or as `yoyak plan --calibrate` measured it."""

import json
import platform
import shutil
import subprocess
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from ..errors import YoyakError
from ..files import write_atomic
from ..resources import yoyak_home
from .devices import CARDS, Device, find_device


def profile_path() -> Path:
    """Return the file of this machine's measured profile."""
    return yoyak_home() / "plan_profile.json"


def save_profile(device: Device) -> None:
    """Keep a measured profile, whole or not at all."""
    path = profile_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(asdict(device), indent=1))


def read_profile() -> Device | None:
    """Return the measured profile, or None where there is none that can be read, or another processor's."""
    try:
        device = Device(**json.loads(profile_path().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return None if device.cpu and device.name != cpu_name() else device


def detected_card() -> tuple[str, int] | None:
    """Return name and memory in bytes of this machine's first card, or None where the driver names none."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return None
    query = [command, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    with suppress(OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        done = subprocess.run(query, capture_output=True, text=True, timeout=5, check=False)
        name, mebibytes = done.stdout.strip().splitlines()[0].rsplit(",", 1)
        return name.strip(), int(mebibytes) * 2**20
    return None


def choose_device(gpu: str | None, memory_gb: float | None) -> Device:
    """Return the card of a name, else this machine's, with `memory_gb` (1e9 bytes) in place of its memory, if given.

    With a memory alone, rates are those of a card with as much.

    Raises:
        YoyakError: an unknown name, an impossible memory, or a machine without a card and nothing said.
    """
    if memory_gb is not None and not 0.5 <= memory_gb <= 10_000:
        raise YoyakError(f"--memory-gb {memory_gb:g}: no card has that; give its memory in 1e9 bytes, such as 24")
    if gpu is not None:
        device = find_device(gpu)
    elif memory_gb is not None:
        device = card_of_memory(memory_gb)
    else:
        device = _this_machine()
    return device if memory_gb is None else replace(device, memory_bytes=int(memory_gb * 1e9))


def card_of_memory(memory_gb: float) -> Device:
    """Return an unnamed card whose rates are those of the slowest card with at least about so much memory."""
    enough = [card for card in CARDS if card.bf16 and card.memory_bytes >= memory_gb * 1e9] or CARDS[-1:]
    like = min(enough, key=lambda card: (card.memory_bytes, card.flops))
    return replace(like, name=f"a card of {memory_gb:g} GB, as fast as a {like.name}", measured=False, float8=None)


def _this_machine() -> Device:
    profile, card = read_profile(), detected_card()
    if card is not None:
        name, memory = card
        if profile is not None and profile.name == name:
            return profile
        try:
            return replace(find_device(name), memory_bytes=memory)
        except YoyakError:
            raise YoyakError(
                f"this machine's {name} is not in the table of cards; run yoyak plan --calibrate, or say --gpu NAME"
            ) from None
    if profile is not None:
        return profile
    raise YoyakError(
        "this machine has no GPU; say which card to plan for (--gpu NAME or --memory-gb X), "
        "or measure this machine with yoyak plan --calibrate"
    )


def cpu_name() -> str:
    """Return the processor's name and whether it has bf16 instructions: machines of one name can differ in them."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            fields = dict(line.split(":", 1) for line in file.read().split("\n\n")[0].splitlines() if ":" in line)
    except OSError:
        return platform.processor() or platform.machine()
    info = {name.strip(): value.strip() for name, value in fields.items()}
    features = [
        flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in info.get("flags", "").split()
    ]
    return f"{info.get('model name', platform.machine())} ({' '.join(features)})"
