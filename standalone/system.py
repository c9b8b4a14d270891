"""One run of the system: start the stores, then the services, and watch them."""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from common.faults import CRASHED
from standalone.child import Child, Watch, stop
from standalone.folder import opened
from standalone.services import Configuration, Service, check_ports
from standalone.stores import Postgres, Valkey


def run(options: argparse.Namespace, watch: Watch, held: ExitStack) -> NoReturn:
    """Run the system until `watch` ends it.

    Args:
        options: The command line.
        watch: It ends the run.
        held: It stops the children.

    Raises:
        SystemExit: A signal stopped the run, or a store or a service exited unexpectedly.
        SetupError: A port or the data cannot be used, or a store cannot be started.
    """
    watch.restarted = CRASHED
    configuration = Configuration()
    # Each page has a setting for the address of the other.
    vote_url, result_url = configuration.result.vote_url, configuration.vote.result_url
    vote, result, worker = check_ports(
        [
            Service("vote", configuration.vote.host, options.vote_port, vote_url),
            Service("result", configuration.result.host, options.result_port, result_url),
            Service("worker", "127.0.0.1", options.worker_port),
        ]
    )
    environment = configuration.environment(vote, result)
    data = held.enter_context(opened(options.data, fresh=options.fresh))
    stores: list[Valkey | Postgres] = [Valkey(data), Postgres(data)]
    servers: list[Child] = []
    held.callback(stop, servers)
    for store in stores:
        servers.append(watch.add(store.start()))
        environment[store.setting] = store.url
    watch.wait(lambda: all(store.is_ready() for store in stores))

    children: list[Child] = []
    held.callback(stop, children)
    for group in ([worker], [vote, result]):  # result would wait for the worker's tables
        children += [watch.add(service.start(environment)) for service in group]
        watch.wait(lambda: all(service.is_ready() for service in group))  # noqa: B023 (called here)
    sys.stdout.write(banner(vote, result, data.path, configuration.new_token))
    sys.stdout.flush()
    while True:
        watch.wait(lambda: any(child.status == CRASHED for child in children))
        # The fault worker-crash has ended the worker. Start it again, as other platforms do.
        crashed = next(child for child in children if child.status == CRASHED)
        watch.children.remove(crashed)
        children.remove(crashed)
        children.append(watch.add(worker.start(environment)))


def banner(vote: Service, result: Service, data: Path, token: str | None) -> str:
    """Return what the user sees when the system is ready."""
    lines = [
        "",
        f"  vote    {'   '.join(vote.urls())}",
        f"  result  {'   '.join(result.urls())}",
        f"  system  {result.urls()[0]}/system",
        "",
    ]
    if token:
        lines += [f"  presenter token: {token}", ""]
    lines += [f"  stores  Valkey 9 and Postgres 18, data in {data}", "  Ctrl-C stops it.", "", ""]
    return "\n".join(lines)
