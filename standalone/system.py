"""The run from its beginning to its end: ports, stores, services, banner, signals."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from typing import NoReturn

from common import server, stop_signal
from standalone import banner, child, options, orphan, services, store

NAME = "standalone"


class Stopped(BaseException):
    """A signal came before the event loop looks after them."""


def main() -> None:
    chosen = options.parse()
    _raise_on_signals()
    try:
        with contextlib.ExitStack() as held:
            _run(chosen, held)
            _ignore_signals()  # what is left is to stop the stores
    except Stopped:
        pass
    except (server.PortError, *store.Error) as problem:
        sys.stderr.write(f"{NAME}: {problem}\n")
        _exit(2)
    _exit(0)


def _run(chosen: options.Options, held: contextlib.ExitStack) -> None:
    configured = services.configure()
    sockets = services.bind(configured, chosen, held)
    external = configured
    loading = threading.Thread(target=services.load, daemon=True)
    loading.start()
    stores: store.Stores | None = None
    own: list[str] = []
    if not (configured.has_database and configured.has_redis):
        stores = held.enter_context(store.opened(chosen.data, fresh=chosen.fresh))
        redis = postgres = None
        if not configured.has_redis:
            redis = stores.start_valkey()
            own.append("Valkey 9")
        if not configured.has_database:
            postgres = stores.start_postgres()
            own.append("Postgres 18")
        configured = services.configure(
            stores.database_url if postgres else None, stores.redis_url if redis else None
        )
        if redis is not None:
            stores.wait_valkey(redis)
        if postgres is not None:
            stores.wait_postgres(postgres)

    def ready(is_ready: bool) -> None:
        if is_ready:
            host = configured.host(chosen)
            vote = banner.urls(host, sockets.vote_port)
            result = banner.urls(host, sockets.result_port)
            text = banner.text(vote, result, own, stores.folder.path if stores else None)
        else:
            text = f"{NAME}: not ready yet, waiting; /readyz of each service says for what"
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    async def serve(stop: asyncio.Event) -> None:
        if stores is not None:
            _stop_with(stores, stop)
        await services.check_credentials(external)
        orphaned = asyncio.create_task(orphan.stop(stop))
        await services.run(configured, chosen, sockets, stop, ready)
        orphaned.cancel()

    loading.join()
    logging = configured.vote
    if "log_level" not in logging.model_fields_set:
        logging = logging.model_copy(update={"log_level": "warning"})
    server.run(logging, serve, _stopping())
    if stores is not None:
        _check_alive(stores)


def _stop_with(stores: store.Stores, stop: asyncio.Event) -> None:
    """Stop when a store ends by itself."""
    loop = asyncio.get_running_loop()

    def ended(_: child.Child) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: everything stops anyway
            loop.call_soon_threadsafe(stop.set)

    stores.keeper.on_end = ended
    if _ended(stores):  # before somebody was told
        stop.set()


def _check_alive(stores: store.Stores) -> None:
    """Say which store, or what keeps them, ended by itself.

    Raises:
        child.ChildError: one did.
    """
    if stores.keeper.status is not None:
        raise child.ChildError(
            "the process that keeps the stores, standalone/keeper.py,"
            f" ended by itself (status {stores.keeper.status}), and they with it"
        )
    for store_server in _ended(stores):
        raise child.ChildError(
            f"{store_server.name} ended by itself (status {store_server.status}):\n"
            f"{store_server.log_tail()}"
        )


def _ended(stores: store.Stores) -> list[child.Child]:
    children = stores.keeper.children.values()
    return [each for each in children if each.name != "initdb" and each.status is not None]


def _stopping() -> list[signal.Signals]:
    """The signals that stop the run: SIGHUP is none if nohup asked to ignore it."""
    is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [*stop_signal.NUMBERS, *([] if is_ignored else [signal.SIGHUP])]


def _raise_on_signals() -> None:
    def stop(number: int, frame: object) -> None:
        _ignore_signals()  # a second one must not cut short what the first one began
        raise Stopped

    for number in _stopping():
        signal.signal(number, stop)


def _ignore_signals() -> None:
    # Not SIG_IGN: Python would complain about a signal that came at this very moment.
    for number in (*stop_signal.NUMBERS, signal.SIGHUP):
        signal.signal(number, lambda number, frame: None)


def _exit(status: int) -> NoReturn:
    """End at once: the interpreter's own end gives a signal that comes late its default action."""
    with contextlib.suppress(OSError):  # its terminal is gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)
