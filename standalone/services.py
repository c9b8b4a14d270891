"""Vote, worker and result: their settings, their ports, and when they are ready."""

import http.client
import os
import socket
import sys
from contextlib import ExitStack
from dataclasses import dataclass

from common.settings import load
from result.settings import Settings as ResultSettings
from standalone.address import page_urls
from standalone.child import Child, SetupError, start
from vote.settings import Settings as VoteSettings
from worker.settings import Settings as WorkerSettings

ANY_HOSTS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
USUAL_PORTS = {"vote": 8080, "result": 8081, "worker": 8082}


@dataclass(frozen=True)
class Service:
    """A service of this project, and the address that it listens on."""

    name: str
    host: str
    port: int

    def start(self, environment: dict[str, str]) -> Child:
        """Start it with these settings in addition to its address."""
        return start(
            self.name,
            [sys.executable, "-m", self.name],
            env=environment | {"HOST": self.host, "PORT": str(self.port)},
        )

    def is_ready(self) -> bool:
        """Return whether /readyz answers 200."""
        client = http.client.HTTPConnection(ANY_HOSTS.get(self.host, self.host), self.port, 2)
        try:
            client.request("GET", "/readyz")
            return client.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            client.close()

    def urls(self) -> list[str]:
        """Return its addresses: for this machine first, then for others in the network."""
        if self.host in ANY_HOSTS:
            return page_urls(self.port)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return [f"http://{host}:{self.port}"]


@dataclass(frozen=True)
class Configuration:
    """What the environment and the file .env say."""

    vote: VoteSettings
    worker: WorkerSettings
    result: ResultSettings

    @property
    def names_postgres(self) -> bool:
        """Whether a Postgres is named, so that none is started."""
        return not self.worker.model_fields_set.isdisjoint({"database_url", "db_host"})

    @property
    def names_redis(self) -> bool:
        """Whether a Redis is named, so that none is started."""
        return not self.worker.model_fields_set.isdisjoint({"redis_url", "redis_host"})

    def environment(self, vote: Service, result: Service) -> dict[str, str]:
        """Return the environment of the services.

        The result page gets the vote page's address in the network, because its QR code is for
        phones. Pages at the usual ports find each other without an address.
        """
        environment = dict(os.environ)
        if "log_level" not in self.worker.model_fields_set:
            environment["LOG_LEVEL"] = "warning"
        if self.result.vote_url is None:
            environment["VOTE_URL"] = vote.urls()[-1]
        usual = (USUAL_PORTS["vote"], USUAL_PORTS["result"])
        if self.vote.result_url is None and (vote.port, result.port) != usual:
            environment["RESULT_URL"] = result.urls()[-1]
        return environment


def configuration() -> Configuration:
    """Return the settings; if one is wrong, say so and end the process with status 2."""
    return Configuration(load(VoteSettings), load(WorkerSettings), load(ResultSettings))


def check_ports(services: list[Service]) -> list[Service]:
    """Return the services, with a free port for each one whose port is 0.

    Raises:
        SetupError: A port cannot be used.
    """
    with ExitStack() as held:
        return [_check_port(service, held) for service in services]


def _check_port(service: Service, held: ExitStack) -> Service:
    family = socket.AF_INET6 if ":" in service.host else socket.AF_INET
    try:
        probe = socket.create_server((service.host, service.port), family=family)
    except OSError as error:
        option = f"--{service.name}-port"
        way = f"make run ARGS='{option} N'" if "MAKELEVEL" in os.environ else f"{option} N"
        raise SetupError(
            f"{service.name} cannot listen on {service.host}, port {service.port}"
            f" ({error.strerror or error}): choose another port with {way}"
        ) from None
    held.enter_context(probe)
    return Service(service.name, service.host, probe.getsockname()[1])
