"""A server's socket: which address it has, who can reach it, and how many connections the process can have."""

import errno
import ipaddress
import os
import resource
import socket

from ..errors import YoyakError

QUEUED = 1024
"""Connections that the system holds until they are accepted."""
ACCEPTED_AT_A_TIME = 16
# What the process opens meanwhile, and what is accepted before it is counted.
_SPARE_FILES = 64 + 4 * ACCEPTED_AT_A_TIME
_FEWEST_CONNECTIONS = 16


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket: before a model is loaded for nothing.

    Raises:
        YoyakError: the address can't be had.
    """
    place = f"--host {host} --port {port}"
    if not 0 <= port <= 65535:
        raise YoyakError(f"--port {port}: must be 0 to 65535 (0 takes any that is free)")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise YoyakError(f"--host {host}: no such address; 127.0.0.1 is this machine alone") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(QUEUED)  # binding twice can succeed, listening can't
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise YoyakError(f"{place}: the port is in use; choose another with --port") from error
        raise YoyakError(f"{place}: {error.strerror or error}; choose another address or port") from error
    return listener


def is_local(listener: socket.socket) -> bool:
    """Tell whether only this machine can reach a socket."""
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def url_of(listener: socket.socket) -> str:
    """Return the address of a socket as clients write it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def most_connections(wanted: int) -> int:
    """Return how many connections the process can have open, at most `wanted`.

    Raises:
        YoyakError: the limit on open files leaves next to none.
    """
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if most_files == resource.RLIM_INFINITY:
        return wanted
    open_files = len(os.listdir("/dev/fd"))
    room = most_files - open_files - _SPARE_FILES
    if room < min(wanted, _FEWEST_CONNECTIONS):
        needed = open_files + _SPARE_FILES + _FEWEST_CONNECTIONS
        raise YoyakError(f"a limit of {most_files} open files leaves no room for clients; raise it: ulimit -n {needed}")
    return min(wanted, room)
