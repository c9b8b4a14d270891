"""One run of the system: start the stores, then the services, and watch them."""

import argparse
import math
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from standalone.child import Child, SetupError, Watch, stop
from standalone.folder import opened
from standalone.services import Service, check_ports, configuration
from standalone.stores import READY_TIMEOUT, Postgres, Valkey

NOTICE_AFTER = 10.0  # seconds until a message says that the services are not ready yet


def run(options: argparse.Namespace, watch: Watch, held: ExitStack) -> NoReturn:
    """Run the system until `watch` ends it.

    Args:
        options: The command line.
        watch: It raises what ends the run.
        held: It stops the children.

    Raises:
        StoppedError: A signal stopped the run.
        EndedError: A store or a service ended by itself.
        SetupError: A port or the data cannot be used, or a store cannot be started.
    """
    configured = configuration()
    vote, result, worker = check_ports(
        [
            Service("vote", options.host or configured.vote.host, options.vote_port),
            Service("result", options.host or configured.result.host, options.result_port),
            Service("worker", "127.0.0.1", options.worker_port),
        ]
    )
    environment = configured.environment(vote, result)
    stores: list[Postgres | Valkey] = []
    if not (configured.names_postgres and configured.names_redis):
        data = held.enter_context(opened(options.data, fresh=options.fresh))
        if not configured.names_redis:
            stores.append(Valkey(data))
        if not configured.names_postgres:
            stores.append(Postgres(data))
        _start_stores(stores, watch, held)
        environment |= {store.setting: store.url for store in stores}

    children: list[Child] = []
    held.callback(stop, children)
    # If both stores are ready, the worker first creates the tables, for which result would wait.
    groups = [[worker], [vote, result]] if len(stores) == 2 else [[worker, vote, result]]
    for group in groups:
        children += [watch.add(service.start(environment)) for service in group]
        _wait_ready(group, watch)
    _say(banner(vote, result, stores, options.data.resolve()))
    while True:
        watch.pause()


def banner(vote: Service, result: Service, stores: Sequence[Postgres | Valkey], data: Path) -> str:
    """Return what the user sees when the system is ready."""
    lines = [
        "",
        f"  vote    {'   '.join(vote.urls())}",
        f"  result  {'   '.join(result.urls())}",
        "",
    ]
    if stores:
        labels = " and ".join(store.label for store in stores)
        lines.append(f"  stores  {labels}, data in {data}")
    return "\n".join([*lines, "  Ctrl-C stops it.", ""])


def _start_stores(stores: list[Postgres | Valkey], watch: Watch, held: ExitStack) -> None:
    servers: list[Child] = []
    held.callback(stop, servers)
    for store in stores:
        server = watch.add(store.start())
        servers.append(server)

    def are_ready() -> bool:
        pairs = zip(stores, servers, strict=True)
        return all(store.is_ready(server) for store, server in pairs)

    if not watch.wait(are_ready, READY_TIMEOUT):
        logs = " and ".join(str(server.log) for server in servers)
        raise SetupError(f"the stores are not ready after {READY_TIMEOUT:g} s: see {logs}")


def _wait_ready(group: list[Service], watch: Watch) -> None:
    def are_ready() -> bool:
        return all(service.is_ready() for service in group)

    if not watch.wait(are_ready, NOTICE_AFTER):
        _say("standalone: not ready yet; /readyz of each service says why")
        watch.wait(are_ready, math.inf)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
