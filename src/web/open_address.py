"""Who may come in at the address that was chosen: nobody from elsewhere without a password, unless said twice."""

import getpass
import os
import sys
from dataclasses import dataclass

from ..errors import YoyakError
from ..resources import yoyak_home
from .entrance import Entrance, OpenEntrance, PasswordEntrance, TokenEntrance
from .sessions import Sessions

PASSWORD_VARIABLE = "YOYAK_STUDIO_PASSWORD"
_SHORTEST_CHARS = 8


@dataclass(frozen=True)
class Address:
    """Where a studio listens, and who may come in.

    Attributes:
        names: what it is reached by besides addresses and this machine's own names.
        asks_password: ask for a password at the terminal.
        no_auth: how often the user has said that everyone may come in.
    """

    host: str = "127.0.0.1"
    port: int = 8090
    names: tuple[str, ...] = ()
    asks_password: bool = False
    no_auth: int = 0


def entrance_of(address: Address, is_local: bool, token: str) -> Entrance:
    """Return who may come in.

    Args:
        address: what the user has said.
        is_local: only this machine reaches the address.
        token: what opens a studio that only this machine reaches.

    Raises:
        YoyakError: others reach the address and nothing was said of who may come in, or that excludes itself.
    """
    password = _password(address)
    names = (*address.names, address.host)
    if password is not None and address.no_auth:
        raise YoyakError(f"--no-auth and a password ({PASSWORD_VARIABLE} or --password) exclude each other; name one")
    if password is not None:
        return PasswordEntrance(Sessions(yoyak_home() / "studio_sessions.json", password, token), names)
    if address.no_auth == 1:
        raise YoyakError(
            f"--no-auth: whoever reaches {address.host} could start programs as you; to mean that, say --no-auth twice"
        )
    if address.no_auth:
        return OpenEntrance(names)
    if not is_local:
        raise YoyakError(
            f"--host {address.host}: others reach this address; set a password in {PASSWORD_VARIABLE}, or say "
            "--password (or, to let everyone in, --no-auth --no-auth)"
        )
    if address.names:
        raise YoyakError(
            f"--name: only this machine reaches {address.host}, by its own names; set a password in "
            f"{PASSWORD_VARIABLE} (behind a proxy), name another --host, or leave --name out"
        )
    return TokenEntrance(token)


def _password(address: Address) -> str | None:
    """Return the password that was set; YoyakError where it can be guessed too soon."""
    source, password = PASSWORD_VARIABLE, os.environ.pop(PASSWORD_VARIABLE, None)  # runs inherit the environment
    if address.asks_password:
        if not sys.stdin.isatty():
            raise YoyakError(f"--password: there is no terminal to ask at; set {PASSWORD_VARIABLE}")
        source, password = "--password", getpass.getpass("Password of the studio: ")
    if password is not None and len(password) < _SHORTEST_CHARS:
        raise YoyakError(f"{source}: must have at least {_SHORTEST_CHARS} characters")
    return password
