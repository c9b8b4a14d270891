"""Postgres: how it is made, started and known to be ready. It listens on a Unix socket alone."""

import shutil
import signal
from pathlib import Path
from urllib.parse import quote

from standalone import account, child, package

MAJOR = "18"
USER = "postgres"
DATABASE = "postgres"
SOCKET = ".s.PGSQL.5432"
INITDB_TIMEOUT = 120.0  # seconds
READY_TIMEOUT = 120.0  # seconds; after a crash it replays its log first
PID_FILE_STATUS = 7  # the line of postmaster.pid, from 0, that says how far the server is


class PostgresError(Exception):
    """The data cannot be used by this Postgres."""


def url(socket_folder: Path, database: str = DATABASE) -> str:
    """The address for clients. The folder's permissions protect it: there is no password."""
    return f"postgresql://{USER}@/{database}?host={quote(str(socket_folder), safe='')}"


def make(
    keeper: child.Keeper,
    programs: package.Programs,
    data: Path,
    log: Path,
    user: account.Account | None,
) -> None:
    """Make the data folder unless it is there. A half-made one, left by a kill, is made again.

    Raises:
        child.ChildError: initdb failed.
        PostgresError: the data is that of another major version, or is not whole.
    """
    version = data / "PG_VERSION"
    if version.is_file():
        made_by = version.read_text().strip()
        if made_by != MAJOR:
            raise PostgresError(
                f"{data} was made by Postgres {made_by}, this is Postgres {MAJOR}:"
                " begin anew with --fresh, or name another folder with --data"
            )
        return
    if data.is_dir() and any(data.iterdir()):
        raise PostgresError(
            f"{data} is not empty and has no PG_VERSION:"
            " begin anew with --fresh, or name another folder with --data"
        )
    partial = data.with_name(f"{data.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    account.give(user, partial)
    order = child.Order(
        argv=[
            programs.initdb,
            f"--pgdata={partial}",
            f"--username={USER}",
            "--auth=trust",  # the socket lies in a folder of mode 0700
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ],
        log=log,
        environment={"TZ": "UTC"},
        uid=user.uid if user else None,
        gid=user.gid if user else None,
        stop_signal=signal.SIGTERM,
    )
    keeper.run("initdb", order, INITDB_TIMEOUT)
    partial.rename(data)


def start(
    keeper: child.Keeper,
    programs: package.Programs,
    data: Path,
    socket_folder: Path,
    log: Path,
    user: account.Account | None,
) -> child.Child:
    """Start the server; `is_ready` tells when it accepts connections."""
    options = {
        "listen_addresses": "",
        "unix_socket_directories": '"' + str(socket_folder).replace('"', '""') + '"',
        "unix_socket_permissions": "0700",
        "log_checkpoints": "off",
    }
    return keeper.start(
        "postgres",
        child.Order(
            argv=[
                programs.postgres,
                "-D",
                data,
                *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
            ],
            log=log,
            environment={"TZ": "UTC"},
            uid=user.uid if user else None,
            gid=user.gid if user else None,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
        ),
    )


def forget(data: Path) -> None:
    """Delete the pid file of a server that is known to be gone.

    Postgres would refuse to start if that process id belonged to another process now, as it may
    after a restart of the machine or in a container.
    """
    (data / "postmaster.pid").unlink(missing_ok=True)


def is_ready(data: Path, pid: int | None) -> bool:
    """Whether the server with this process id accepts connections, as it says in its pid file."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return (
        len(lines) > PID_FILE_STATUS
        and lines[0] == str(pid)  # else an earlier server's, which was killed
        and lines[PID_FILE_STATUS].strip() == "ready"
    )
