"""Postgres and Valkey together: started, known by their addresses, stopped."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from standalone import account, child, folder, package, postgres, problem, valkey

Error = (
    account.AccountError,
    child.ChildError,
    package.PackageError,
    postgres.PostgresError,
    problem.FolderError,
)


@dataclass
class Stores:
    """The two servers of a data folder. Each can be started again, at the same address."""

    folder: folder.Folder
    keeper: child.Keeper
    programs: package.Programs

    @property
    def database_url(self) -> str:
        return postgres.url(self.folder.sockets)

    @property
    def redis_url(self) -> str:
        return valkey.url(self.folder.sockets)

    def start_postgres(self) -> child.Child:
        """Start Postgres; `wait_postgres` waits until it is ready."""
        place = self.folder
        log = place.log("postgres")
        with problem.explained(place.path):
            postgres.make(self.keeper, self.programs, place.postgres, log, place.user)
        return postgres.start(
            self.keeper, self.programs, place.postgres, place.sockets, log, place.user
        )

    def start_valkey(self) -> child.Child:
        """Start Valkey; `wait_valkey` waits until it is ready."""
        place = self.folder
        log = place.log("valkey")
        return valkey.start(
            self.keeper, self.programs, place.valkey, place.sockets, log, place.user
        )

    def wait_postgres(self, server: child.Child) -> None:
        data = self.folder.postgres
        server.wait_ready(lambda: postgres.is_ready(data, server.pid), postgres.READY_TIMEOUT)

    def wait_valkey(self, server: child.Child) -> None:
        server.wait_ready(lambda: valkey.is_ready(self.folder.sockets), valkey.READY_TIMEOUT)


@contextlib.contextmanager
def opened(path: Path, *, fresh: bool = False) -> Iterator[Stores]:
    """The stores of a data folder, not yet started; all that was started is stopped at the end.

    Raises:
        what `Error` names.
    """
    with folder.opened(path, fresh=fresh) as place:
        with problem.explained(path):
            programs = _programs(place)
            # The lock is held by every process of an earlier run, so that there is none.
            postgres.forget(place.postgres)
        with child.Keeper(pass_fds=[place.stores_lock], leftover=place.sockets) as keeper:
            yield Stores(place, keeper, programs)


def _programs(place: folder.Folder) -> package.Programs:
    """The installed programs, or a copy if the servers' user cannot reach those."""
    found = package.installed()
    reachable = [found.postgres, found.initdb, found.valkey_server]
    if all(account.can_reach(place.user, program.resolve()) for program in reachable):
        shutil.rmtree(place.programs, ignore_errors=True)
        return found
    return package.copied(place.programs)
