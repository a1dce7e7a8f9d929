"""Cards by name: memory, bandwidth and peak rates, as their makers publish them."""

import re
from dataclasses import dataclass

from ..errors import YoyakError


@dataclass(frozen=True)
class Device:
    """A GPU (or this machine).

    Attributes:
        name: as people write it.
        memory_bytes: what CUDA reports as total, about; makers count in GiB.
        bandwidth: bytes a second between memory and processor.
        flops: dense products with tensor cores in 16 bit and sums in float32, operations a second.
        bf16: whether it computes in bfloat16 (else fp16 with a gradient scaler, and the trainer engine).
        source: where the figures are from.
        measured: whether the time constants were measured on this card; others are estimates.
        product_share: share of `flops` that large products reach, where it was measured here.
        product_half: rows at which products reach half of it, where it was measured here.
        launch: seconds of an operation's call, where it was measured here.
        attention_share: share of `flops` that attention reaches, where it was measured here; `adapter_share` likewise.
        cpu: whether it is a processor, whose memory is the machine's.
        float8: whether it multiplies 8-bit floating point; None where that is not known.
    """

    name: str
    memory_bytes: int
    bandwidth: float
    flops: float
    bf16: bool
    source: str
    measured: bool = False
    product_share: float | None = None
    product_half: float | None = None
    launch: float | None = None
    attention_share: float | None = None
    adapter_share: float | None = None
    cpu: bool = False
    float8: bool | None = None


_FLOAT8 = ("L4", "RTX 4060 Ti", "RTX 4090", "RTX 5090", "L40S", "H100 PCIe", "H100", "H200")


# An H100's share is of seven steps, a whole run's of an H200 are less: it is at the limit of its power then.
_PRODUCT_SHARES = {"H200": 0.80}


def _card(name: str, gib: float, gigabytes_a_second: float, teraflops: float, source: str, bf16: bool = True) -> Device:
    # Drivers and error correction take some of the nominal memory: 79.1 of an H100's 80 GiB are reported.
    memory = int(gib * 2**30 * 0.985)
    rates = gigabytes_a_second * 1e9, teraflops * 1e12
    share = _PRODUCT_SHARES.get(name)
    measured = name in ("H100", "H200")
    return Device(name, memory, *rates, bf16, source, measured, product_share=share, float8=name in _FLOAT8)


_AMPERE = "NVIDIA Ampere GA102 whitepaper, table of GeForce cards"
_ADA = "NVIDIA Ada GPU architecture whitepaper, appendix"
# GeForce cards compute fp16 products with float32 sums at half the rate of those with fp16 sums; training needs the
# former, so the lower figure stands here.
CARDS = [
    _card("T4", 16, 320, 65, "NVIDIA T4 datasheet", bf16=False),
    _card("L4", 24, 300, 121, "NVIDIA L4 datasheet (half of the figure with sparsity)"),
    _card("RTX 3060", 12, 360, 25.6, _AMPERE),
    _card("RTX 3090", 24, 936, 71, _AMPERE),
    _card("RTX 4060 Ti", 16, 288, 44.1, _ADA),
    _card("RTX 4090", 24, 1008, 165.2, _ADA),
    _card("RTX 5090", 32, 1792, 209.5, "NVIDIA RTX Blackwell GPU architecture whitepaper, appendix"),
    _card("A10", 24, 600, 125, "NVIDIA A10 datasheet"),
    _card("A6000", 48, 768, 154.8, "NVIDIA Ampere GA102 whitepaper, RTX A6000 (half of the figure with sparsity)"),
    _card("L40S", 48, 864, 362, "NVIDIA L40S datasheet"),
    _card("A100 40GB", 40, 1555, 312, "NVIDIA A100 datasheet, SXM4"),
    _card("A100 80GB", 80, 2039, 312, "NVIDIA A100 datasheet, SXM4"),
    _card("H100 PCIe", 80, 2000, 756.5, "NVIDIA H100 datasheet, PCIe (half of the figure with sparsity)"),
    _card("H100", 80, 3350, 989.4, "NVIDIA H100 datasheet, SXM5"),
    _card("H200", 141, 4800, 989.4, "NVIDIA H200 datasheet, SXM"),
]
_NOISE = ("nvidia", "geforce", "tesla", "graphics", "sxm5", "sxm4", "sxm", "hbm3e", "hbm3", "hbm2e", "hbm2")


def find_device(name: str) -> Device:
    """Return the card of a name; case, spaces, punctuation and maker's words don't matter.

    Raises:
        YoyakError: no such card, with the nearest names.
    """
    known = {_plain(card.name): card for card in CARDS}
    for said in (name, re.sub(r"(?i)pcie", " ", name)):  # which makes another card of an H100 only
        wanted = _plain(said)
        bare = _plain(re.sub(r"(?i)\b\d+ ?gi?b\b", " ", said))  # the memory's size, where only one kind is sold
        for spelling in (wanted, f"rtx{wanted}", f"{wanted}gb", wanted.removeprefix("rtx"), bare, f"rtx{bare}"):
            if spelling in known:
                return known[spelling]
        if bare == "a100":
            return known["a10080gb"]
    from difflib import get_close_matches

    close = get_close_matches(_plain(name), list(known), n=3, cutoff=0.3) or list(known)
    raise YoyakError(
        f"--gpu {name}: no such card here; nearest: {', '.join(known[k].name for k in close)} "
        "(or say --memory-gb X; yoyak plan --calibrate measures this machine)"
    )


def _plain(name: str) -> str:
    words = re.sub(r"[^a-z0-9]+", " ", name.lower()).split()
    return "".join(word for word in words if word not in _NOISE)
