"""Vote, worker and result: their settings, their ports, and when they are ready."""

import http.client
import os
import secrets
import socket
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import SecretStr

from common.settings import LongSecret, load
from result.settings import Settings as ResultSettings
from standalone.address import page_urls
from standalone.child import Child, SetupError, start
from vote.settings import Settings as VoteSettings
from worker.settings import Settings as WorkerSettings

ANY_HOSTS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True)
class Service:
    """A service of this project, and the address that it listens on."""

    name: str
    host: str
    port: int
    public_url: str | None = None  # from the settings; None: derived from host and port

    def start(self, environment: dict[str, str]) -> Child:
        """Start it with these settings in addition to its address."""
        return start(
            self.name,
            [sys.executable, "-P", "-m", self.name],  # not what the working directory has
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
        if self.public_url:
            return [self.public_url.rstrip("/")]
        if self.host in ANY_HOSTS:
            return page_urls(self.port)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return [f"http://{host}:{self.port}"]


class PresentedResult(ResultSettings):
    """Settings of result, which let a presenter cause faults unless FAULTS says otherwise."""

    faults: Literal["disabled", "enabled"] = "enabled"
    presenter_token: LongSecret | None = SecretStr(secrets.token_urlsafe(12))


class Configuration:
    """The settings in the environment and the file .env.

    A wrong setting ends the process with status 2.
    """

    def __init__(self) -> None:
        self.vote = load(VoteSettings)
        self.worker = load(WorkerSettings)
        self.result = load(PresentedResult)

    @property
    def new_token(self) -> str | None:
        """The presenter's token, if faults are enabled and no setting gives a token."""
        token = self.result.presenter_token
        if token is None or "presenter_token" in self.result.model_fields_set:
            return None
        return token.get_secret_value() if self.result.faults == "enabled" else None

    def environment(self, vote: Service, result: Service) -> dict[str, str]:
        """Return the environment of the services.

        Each page gets the other's address in the network, because QR codes are for phones.
        """
        environment = {**os.environ, "FAULTS": self.result.faults}
        if "log_level" not in self.worker.model_fields_set:
            environment["LOG_LEVEL"] = "warning"
        # The ports of a container are published elsewhere: pages look at their visitor's request.
        is_reachable = "container" not in os.environ
        if is_reachable and self.result.vote_url is None:
            environment["VOTE_URL"] = vote.urls()[-1]
        if is_reachable and self.vote.result_url is None:
            environment["RESULT_URL"] = result.urls()[-1]
        if self.new_token:
            environment["PRESENTER_TOKEN"] = self.new_token
        return environment


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
        option = f"--{service.name}-port N"
        hint = f"make run ARGS='{option}'" if "MAKELEVEL" in os.environ else option
        raise SetupError(
            f"{service.name} cannot listen on {service.host}, port {service.port}"
            f" ({error.strerror}): choose another, {hint}"
        ) from None
    held.enter_context(probe)
    return replace(service, port=probe.getsockname()[1])
