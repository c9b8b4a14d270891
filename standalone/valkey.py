"""Valkey: how it is started and known to be ready. It listens on a Unix socket alone."""

import signal
import socket
from pathlib import Path
from urllib.parse import quote

from standalone import account, child, package

SOCKET = "valkey.sock"
READY_TIMEOUT = 120.0  # seconds; it reads its append-only file first
PING_TIMEOUT = 1.0  # seconds


def url(socket_folder: Path) -> str:
    """The address for clients. The folder's permissions protect it: there is no password."""
    return f"unix://{quote(str(socket_folder / SOCKET))}"


def start(
    keeper: child.Keeper,
    programs: package.Programs,
    data: Path,
    socket_folder: Path,
    log: Path,
    user: account.Account | None,
) -> child.Child:
    """Start the server, with every write on the disk before it is acknowledged."""
    options = {
        "port": "0",
        "unixsocket": str(socket_folder / SOCKET),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "databases": "1",
        "daemonize": "no",
        "maxmemory-policy": "noeviction",
    }
    return keeper.start(
        "valkey",
        child.Order(
            argv=[
                programs.valkey_server,
                *(part for name, value in options.items() for part in (f"--{name}", value)),
            ],
            log=log,
            environment={"TZ": "UTC"},
            uid=user.uid if user else None,
            gid=user.gid if user else None,
            stop_signal=signal.SIGTERM,
        ),
    )


def is_ready(socket_folder: Path) -> bool:
    """Whether the server answers PING; it answers with an error while it reads its data."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PING_TIMEOUT)
            client.connect(str(socket_folder / SOCKET))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
    except OSError:
        return False
