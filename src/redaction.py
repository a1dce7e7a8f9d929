"""Secrets in text: what looks like one, what this process holds, and both taken out of what is written or shown."""

import logging
import netrc
import os
import re
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from .visible import one_line, visible

HIDDEN = "[secret]"
_SHORTEST = 8
_NAMES = re.compile(r"(?:^|_)(?:TOKEN|KEY|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)S?$", re.IGNORECASE)
_KINDS = {
    "a Hugging Face token": r"\bhf_[A-Za-z0-9]{16,}",
    "a W&B key": r"\bwandb_v\d_[A-Za-z0-9_]{16,}",
    "an API key": r"\bsk-[A-Za-z0-9_-]{16,}",
    "a GitHub token": r"\b(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{16,}",
    "an AWS key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a Google key": r"\bAIza[A-Za-z0-9_-]{30,}",
    "a Slack token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.)*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    "a password in an address": r"(?<=://)[^/\s:@]{1,256}:[^/\s@]{1,256}(?=@)",
    "an Authorization header": r"(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9._~+/=-]{16,}",
}
_PATTERN = re.compile("|".join(f"(?P<k{number}>{pattern})" for number, pattern in enumerate(_KINDS.values())))


def kind_of_secret(value: object) -> str | None:
    """Return what kind of secret a setting's value, or something in it, looks like; None where it looks like none."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        return next((kind for item in value if (kind := kind_of_secret(item))), None)
    if not isinstance(value, str):
        return None
    held = _held(*_where()) if len(value) >= _SHORTEST else {}  # looking through the environment takes its time
    for secret, place in held.items():
        if secret in value:
            return place
    match = _PATTERN.search(value)
    return list(_KINDS)[int(str(match.lastgroup)[1:])] if match else None


def redact(text: str) -> str:
    """Return `text` with everything that looks like a secret, or is one that this process holds, as `[secret]`."""
    for secret in _held(*_where()):
        text = text.replace(secret, HIDDEN)
    return _PATTERN.sub(HIDDEN, text)


def redacted(value: Any) -> Any:
    """Return JSON-like data with all its texts redacted; keys stay."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redacted(item) for key, item in value.items()}
    return [redacted(item) for item in value] if isinstance(value, list | tuple) else value


class RedactingFormatter(logging.Formatter):
    """Lines of a log, tracebacks included, without secrets and with control characters shown."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the message on one line, whatever it quotes."""
        return one_line(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with a traceback below it where there is one."""
        return visible(redact(super().format(record)))


def traceback_of(error: BaseException) -> str:
    """Return an error's whole traceback without secrets."""
    return visible(redact("".join(traceback.format_exception(error))))


def _where() -> tuple[tuple[tuple[str, str], ...], tuple[Path, ...]]:
    """Return the environment's secrets with their names, and the files that hold others."""
    values = tuple((value, name) for name, value in os.environ.items() if _NAMES.search(name))
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    token = Path(os.environ.get("HF_TOKEN_PATH") or home / "token")
    passwords = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    return values, (token, home / "stored_tokens", passwords)


@cache
def _held(values: tuple[tuple[str, str], ...], files: tuple[Path, ...]) -> dict[str, str]:
    """Return the secrets of this process and where each is from, the longest first: one may be part of another."""
    found = {value.strip(): f"the value of ${name}" for value, name in values}
    found |= {value.strip(): f"what {file.name} keeps" for value, file in _in_files(files)}
    return {value: found[value] for value in sorted(found, key=len, reverse=True) if len(value) >= _SHORTEST}


def _in_files(files: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    token, stored, passwords = files
    with suppress(OSError, ValueError):
        yield token.read_text(encoding="utf-8"), token
    with suppress(OSError, ValueError):
        yield from ((value, stored) for value in re.findall(r"=\s*(\S+)", stored.read_text(encoding="utf-8")))
    with suppress(OSError, ValueError, netrc.NetrcParseError):
        yield from ((secret, passwords) for _, _, secret in netrc.netrc(str(passwords)).hosts.values() if secret)
