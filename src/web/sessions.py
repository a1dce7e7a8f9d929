"""The password of a studio that others reach, and who has come in with it."""

import hashlib
import hmac
import ipaddress
import json
import secrets
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..files import write_atomic

SESSION_SECONDS = 30 * 24 * 3600
_MOST_SESSIONS = 200
_FREE_TRIES = 3
_LONGEST_WAIT_SECONDS = 300.0
_MOST_CLIENTS = 10_000


class Password:
    """A password, kept as its scrypt digest alone (RFC 7914; 16 MiB and some 50 ms a try, one try at a time)."""

    def __init__(self, password: str) -> None:
        """Keep `password`."""
        self._salt = secrets.token_bytes(16)
        self._digest = self._scrypt(password)
        self._lock = threading.Lock()

    def is_it(self, given: str) -> bool:
        """Tell whether a password is this one, in the same time for each that is not."""
        with self._lock:
            return hmac.compare_digest(self._scrypt(given), self._digest)

    def _scrypt(self, password: str) -> bytes:
        return hashlib.scrypt(password.encode("utf-8", "replace"), salt=self._salt, n=2**14, r=8, p=1)


class WrongTries:
    """How long a client has to wait after wrong passwords: 1, 2, 4 ... seconds behind the third, 5 minutes at most."""

    def __init__(self) -> None:
        self._tries: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_seconds(self, client: str) -> float:
        """Return for how many seconds a client's next try is not looked at."""
        _, until = self._tries.get(_network(client), (0, 0.0))
        return max(0.0, until - time.monotonic())

    def wrong(self, client: str) -> None:
        """Count a wrong try."""
        key = _network(client)
        count = self._tries.pop(key, (0, 0.0))[0] + 1
        pause = min(2.0 ** (count - _FREE_TRIES), _LONGEST_WAIT_SECONDS) if count >= _FREE_TRIES else 0.0
        self._tries[key] = (count, time.monotonic() + pause)
        while len(self._tries) > _MOST_CLIENTS:
            self._tries.popitem(last=False)

    def right(self, client: str) -> None:
        """Forget a client's wrong tries."""
        self._tries.pop(_network(client), None)


class Sessions:
    """Who has come in: of each key the digest, with a name; in a file, so that a studio that comes back knows them."""

    def __init__(self, file: Path, password: str, secret: str) -> None:
        """Keep sessions in `file`; those of another password don't count. `secret` is this user's own."""
        self._file, self.password, self.tries = file, Password(password), WrongTries()
        self._of = hmac.new(secret.encode(), b"password:" + password.encode("utf-8", "replace"), "sha256").hexdigest()
        self._lock = threading.Lock()
        self._sessions = self._read()

    def enter(self, name: str) -> str:
        """Return a new session's key for someone who gave the password; OSError where it can't be kept."""
        key = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[_digest(key)] = {"name": name, "until": time.time() + SESSION_SECONDS, "of": self._of}
            self._write()
        return key

    def who(self, key: str) -> str | None:
        """Return the name of a session; None where there is none, or its time is up."""
        found = self._sessions.get(_digest(key)) if key else None
        return found["name"] if found is not None and time.time() < found["until"] else None

    def leave(self, key: str) -> None:
        """End a session."""
        with self._lock:
            if self._sessions.pop(_digest(key), None) is not None:
                self._write()

    def _read(self) -> dict[str, dict[str, Any]]:
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            found = json.loads(self._file.read_text(encoding="utf-8")).items()
            return {str(key): one for key, one in found if hmac.compare_digest(one["of"], self._of) and one["name"]}
        return {}

    def _write(self) -> None:
        alive = [(key, one) for key, one in self._sessions.items() if time.time() < one["until"]]
        self._sessions = dict(alive[-_MOST_SESSIONS:])
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self._file, json.dumps(self._sessions, ensure_ascii=False))
        self._file.chmod(0o600)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _network(client: str) -> str:
    """Return what counts as one client: an address, of IPv6 the network that one household has."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
