"""Who may come in, and under which name: by a token alone on this machine, by a password from elsewhere, or anyone."""

import getpass
import hashlib
import hmac
import ipaddress
import os
import socket
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ..serving.hosts import names_this_machine
from .sessions import Sessions

TOKEN_COOKIE, SESSION_COOKIE = "yoyak_studio", "yoyak_session"
_LONGEST_NAME_CHARS = 40


class Entrance(Protocol):
    """How people come in."""

    @property
    def has_login(self) -> bool:
        """Tell whether people log in on a page."""

    def answers_to(self, host: str) -> bool:
        """Tell whether a `Host` header names this studio; a name that was made to point here (rebinding) doesn't."""

    def who(self, cookies: dict[str, str], client: str) -> str | None:
        """Return the name of who asks, None for a stranger; `client` is the address of the other side."""


@dataclass(frozen=True)
class TokenEntrance:
    """One person on this machine, whose first address has a token; it becomes a cookie."""

    token: str
    has_login: bool = False

    def answers_to(self, host: str) -> bool:
        """Take this machine's own names alone."""
        return names_this_machine(host.encode("latin-1"))

    def knows(self, token: str) -> bool:
        """Tell whether a token is this studio's."""
        return hmac.compare_digest(_digest(token), _digest(self.token))

    def who(self, cookies: dict[str, str], client: str) -> str | None:
        """Return this machine's user."""
        return machine_user() if self.knows(cookies.get(TOKEN_COOKIE, "")) else None


@dataclass(frozen=True)
class OpenEntrance:
    """Anyone who reaches the address; known by where they come from."""

    names: tuple[str, ...] = ()
    has_login: bool = False

    def answers_to(self, host: str) -> bool:
        """Take addresses, which nobody else can have a name for, this machine's names and those that were given."""
        return _names_this_host(host, self.names)

    def who(self, cookies: dict[str, str], client: str) -> str | None:
        """Return where a request comes from."""
        return client


@dataclass(frozen=True)
class PasswordEntrance:
    """People who share a password; each says a name when coming in."""

    sessions: Sessions
    names: tuple[str, ...] = ()
    has_login: bool = True

    def answers_to(self, host: str) -> bool:
        """Take addresses, this machine's names and those that were given."""
        return _names_this_host(host, self.names)

    def who(self, cookies: dict[str, str], client: str) -> str | None:
        """Return the name under which someone came in."""
        return self.sessions.who(cookies.get(SESSION_COOKIE, ""))


def _names_this_host(header: str, names: Iterable[str]) -> bool:
    host = header.lower()
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    own = socket.gethostname().lower()
    if names_this_machine(header.encode("latin-1"), {own, f"{own}.local", *(name.lower() for name in names)}):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def machine_user() -> str:
    """Return the name of this machine's user; its number where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def name_of_person(given: str) -> str | None:
    """Return a name that someone gives, cleaned; None where it is empty, too long or can't be shown."""
    name = " ".join(unicodedata.normalize("NFC", given).split())
    return name if 0 < len(name) <= _LONGEST_NAME_CHARS and name.isprintable() else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
