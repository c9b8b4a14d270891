"""Serving until told to stop."""

import asyncio
import signal
import socket
import sys

import aiohttp
import pytest
from starlette import applications, requests, responses, routing

from common import server
from tests import service, until


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(server.PortError) as caught:
            server.bind("127.0.0.1", port, "--vote-port")
    assert str(caught.value) == f"port {port} is in use: choose another one by --vote-port"


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("host.invalid", "host host.invalid is not known"),
        ("a..b", "host a..b is not known"),
        ("192.0.2.1", "host 192.0.2.1 is not this machine: change HOST"),
    ],
)
def test_a_host_that_cannot_be(host: str, told: str) -> None:
    with pytest.raises(server.PortError) as caught:
        server.bind(host, 0)
    assert str(caught.value).startswith(told)
    assert str(caught.value).endswith("change HOST")


def test_a_port_is_taken_again_at_once() -> None:
    """As by a restart, while connections of the process before are in TIME_WAIT."""
    with server.bind("127.0.0.1", 0) as listening:
        address = listening.getsockname()
        client = socket.create_connection(address)
        accepted, _ = listening.accept()
        accepted.close()
        client.close()
    server.bind(*address).close()


class Slow:
    """An app whose answer takes until it is told to give it."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.app = applications.Starlette(routes=[routing.Route("/", self.answer)])

    async def answer(self, _: requests.Request) -> responses.Response:
        self.asked.set()
        await self.go_on.wait()
        return responses.PlainTextResponse("done")


async def get(url: str) -> str:
    async with aiohttp.ClientSession() as client, client.get(url) as answer:
        return await answer.text()


async def test_a_stop_lets_requests_in_hand_finish_and_takes_no_more() -> None:
    slow, stop = Slow(), asyncio.Event()
    listening = server.bind("127.0.0.1", 0)
    address = listening.getsockname()
    serving = asyncio.create_task(server.serve(slow.app, listening, stop))
    asking = asyncio.create_task(get("http://{}:{}".format(*address)))
    await slow.asked.wait()
    stop.set()

    async def refuses() -> bool:
        try:
            _, writer = await asyncio.open_connection(*address)
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:  # it was in the backlog
            return False
        writer.close()
        return False

    await until.true(refuses)
    assert not asking.done()
    slow.go_on.set()
    assert await asking == "done"
    await asyncio.wait_for(serving, 5)


async def test_a_request_that_hangs_does_not_hold_it_up() -> None:
    slow, stop = Slow(), asyncio.Event()
    listening = server.bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    serving = asyncio.create_task(server.serve(slow.app, listening, stop, grace=1))
    asking = asyncio.create_task(get(url))
    await slow.asked.wait()
    stop.set()
    await asyncio.wait_for(serving, 5)
    assert await asking == "Internal Server Error"


async def output_of(program: str) -> bytes:
    """What it prints until it ends with status 0."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=service.ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output


SIGNALLED = """
import asyncio, os, signal, socket
from common import server, settings

def after_a_signal(do):
    def send_and_do(*arguments):
        os.kill(os.getpid(), signal.{name})
        return do(*arguments)
    return send_and_do

async def main(stop):
    await asyncio.wait_for(stop.wait(), 5)
    print("stopped in order")

if {moment!r} == "starts":  # what the loop does first
    socket.socketpair = after_a_signal(socket.socketpair)
else:
    main = after_a_signal(main)
    asyncio.Runner.__exit__ = after_a_signal(asyncio.Runner.__exit__)
server.run(settings.Settings(), main)
after_a_signal(print)("ended")

class Last:
    def __del__(self, kill=os.kill, process=os.getpid()):  # when Python ends: it has no handlers
        kill(process, {number})

last = Last()
"""


@pytest.mark.parametrize("moment", ["starts", "runs"])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
async def test_signals_stop_the_process_in_order(name: str, moment: str) -> None:
    number = int(signal.Signals[name])
    output = await output_of(SIGNALLED.format(name=name, number=number, moment=moment))
    assert output == b"stopped in order\nended\n"


LIMIT = """
import resource
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
from common import file_limit, server, settings

async def main(stop):
    print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(hard, file_limit.ENOUGH))

server.run(settings.Settings(), main)
"""


async def test_the_shells_limit_of_open_files_is_lifted() -> None:
    assert await output_of(LIMIT) == b"True\n"


CROWD = """
import asyncio, socket
from common import server, settings

CONNECTIONS = 64
turns = None  # of the event loop since the first connection

class Protocol(asyncio.Protocol):
    count = 0
    def __init__(self, **options):
        pass
    def connection_made(self, transport):
        Protocol.count += 1
        if Protocol.count == 1:
            turn()
        if Protocol.count == CONNECTIONS:
            print(turns)
            stop.set()
        transport.abort()

def turn():
    global turns
    turns = 0 if turns is None else turns + 1
    asyncio.get_running_loop().call_soon(turn)

async def app(scope, receive, send):
    while True:
        await send({"type": (await receive())["type"] + ".complete"})
app.protocol = Protocol

async def main(stop_event):
    global stop
    stop = stop_event
    listening = server.bind("127.0.0.1", 0)
    crowd = [socket.create_connection(listening.getsockname()) for _ in range(CONNECTIONS)]
    await server.serve(app, listening, stop)
    for each in crowd:
        each.close()

server.run(settings.Settings(), main)
"""


async def test_a_crowd_is_let_in_within_few_turns_of_the_event_loop() -> None:
    assert int(await output_of(CROWD)) <= 64 / server.ACCEPTED_AT_ONCE
