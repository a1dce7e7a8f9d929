"""Whether a request names this machine as its host."""

import ipaddress
from collections.abc import Container


def names_this_machine(header: bytes, others: Container[str] = ()) -> bool:
    """Tell whether a `Host` header names this machine, or one of `others` (in small letters)."""
    host = header.decode("latin-1").lower()
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if host == "localhost" or host.endswith(".localhost") or host in others:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
