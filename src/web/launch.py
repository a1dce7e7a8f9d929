"""`yoyak studio`: the address, the token, and the server until a signal comes."""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import webbrowser
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from ..commands.speech import said
from ..errors import YoyakError
from ..files import refuse_of_others
from ..resources import yoyak_home

if TYPE_CHECKING:
    import uvicorn

    from .entrance import Entrance
    from .open_address import Address
    from .studio import Studio


def run_studio(runs: Path, address: "Address", show: bool) -> None:
    """Serve the studio of a folder of runs.

    Args:
        runs: the folder of all runs; it need not be there.
        address: where, and who may come in.
        show: open a browser.

    Raises:
        YoyakError: a package is missing, the port is taken, the folder is a file, or strangers could come in.
        KeyboardInterrupt: Ctrl-C.
    """
    try:
        import jinja2  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise YoyakError(f"the studio needs {error.name}: pip install 'yoyak[studio]'") from None
    from ..serving.sockets import is_local, listen, url_of
    from .entrance import TokenEntrance
    from .open_address import entrance_of
    from .place import Place
    from .studio import Studio
    from .worker import WORKER

    if runs.exists() and not runs.is_dir():
        raise YoyakError(f"--runs {runs}: is a file; name the folder of runs")
    token, studio = studio_token(), Studio(Place(runs))
    with listen(address.host, address.port) as listener:
        entrance = entrance_of(address, is_local(listener), token)
        server = studio_server(studio, token, entrance)
        page = url_of(listener) + (f"/?token={token}" if isinstance(entrance, TokenEntrance) else "/")
        print(said(f"yoyak studio is at {page}"), said("Ctrl-C ends it; runs go on."), sep="\n", flush=True)
        if show:
            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(page)
        studio.keeper.begin()
        # uvicorn raises the signal again when it has ended, which would end the process before what follows.
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        # A script's shell has a command in the background ignore SIGINT; a server heeds it there too.
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            asyncio.run(server.serve([listener]))
        finally:
            signal.signal(signal.SIGTERM, before)
            WORKER.close()
            studio.processes.stop_all("serve-")  # models that are tried keep much memory; runs go on


def studio_server(studio: "Studio", token: str, entrance: "Entrance") -> "uvicorn.Server":
    """Return a server of a studio's pages that lets open streams end by themselves."""
    import uvicorn

    from ..serving.protocol import patient_protocol
    from ..serving.sockets import ACCEPTED_AT_A_TIME, most_connections
    from .app import create_studio
    from .forms import LIMITS
    from .run_events import ENDING

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            ENDING.set()
            super().handle_exit(sig, frame)

    return Server(
        uvicorn.Config(
            create_studio(studio.place, token, studio, entrance),
            http=patient_protocol(LIMITS.head_seconds, most_connections(LIMITS.connections)),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            backlog=ACCEPTED_AT_A_TIME,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
    )


def studio_token() -> str:
    """Return this user's token, kept so that an open page goes on when the studio comes back.

    Raises:
        YoyakError: its file can't be read or written, or is another user's.
    """
    path = yoyak_home() / "studio_token"
    refuse_of_others(path)
    try:
        with contextlib.suppress(FileNotFoundError):
            with open(path, encoding="ascii", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW)) as file:
                token = file.read().strip()
            if len(token) >= 32 and token.isalnum():
                return token
            path.unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
        token = secrets.token_hex(24)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="ascii") as file:
            file.write(token)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise YoyakError(f"{path}: can't be read or written ({reason}); set YOYAK_HOME to a folder of yours") from None
    return token
