"""A studio that runs in a process of its own, as a test talks to it."""

import time
from collections.abc import Callable

import httpx
import psutil


def client_of(address: str) -> httpx.Client:
    """Return a browser that has the token of the address which `yoyak studio` printed."""
    base, token = address.split("/?token=")
    return httpx.Client(
        base_url=base, cookies={"yoyak_studio": token}, headers={"origin": base}, timeout=60, trust_env=False
    )


def pid_of(base: str) -> int:
    """Return the process that listens at an address."""
    port = int(base.rpartition(":")[2])
    found = [one.pid for one in psutil.net_connections("tcp") if one.laddr.port == port and one.status == "LISTEN"]
    return found[0]


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.05)
