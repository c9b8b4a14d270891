"""What each running container may do, and who reaches whom."""

import json

import pytest

from tests.e2e.compose import project

UID = 10001
PORTS = {
    "vote": {8080},
    "worker": {8082},
    "result": {8081},
    "gateway": {8080, 8081},
    "redis": {6379},
    "db": {5432},
}
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)
except OSError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""
AS_RESULT = """
import asyncio, json, pathlib, sys, asyncpg
async def tried():
    password = pathlib.Path("/run/secrets/db-password").read_text()
    db = await asyncpg.connect(host="db", user="result", database="voting", password=password)
    answers = []
    for statement in json.load(sys.stdin):
        try:
            await db.execute(statement)
            answers.append("done")
        except asyncpg.PostgresError as error:
            answers.append(type(error).__name__)
    print(json.dumps(answers))
asyncio.run(tried())
"""
AS_REDIS_USER = """
import json, pathlib, sys, redis
password = pathlib.Path("/run/secrets/redis-password").read_text()
client = redis.Redis("redis", username=sys.argv[1], password=password)
answers = []
for command in json.load(sys.stdin):
    try:
        client.execute_command(*command)
        answers.append("done")
    except redis.exceptions.NoPermissionError:
        answers.append("refused")
print(json.dumps(answers))
"""


@pytest.mark.parametrize("name", project.SERVICES)
def test_no_rights_beyond_its_own(system: project.Project, name: str) -> None:
    lines = system.execute(name, "cat", "/proc/1/status").splitlines()
    status = {key: value.split() for key, _, value in (line.partition(":") for line in lines)}
    uids = {int(uid) for uid in status["Uid"]}
    assert uids == {UID} if name in project.OWN else 0 not in uids
    assert status["Name"] == ["tini"] if name in project.OWN else status["Name"] != ["sh"]
    assert status["NoNewPrivs"] == ["1"]
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind][0], 16) == 0, kind


@pytest.mark.parametrize("name", project.SERVICES)
def test_its_file_system_is_read_only(system: project.Project, name: str) -> None:
    mounts = [line.split() for line in system.execute(name, "cat", "/proc/1/mounts").splitlines()]
    options = {target: set(flags.split(",")) for _, target, _, flags, *_ in mounts}
    assert "ro" in options["/"]
    assert "ro" in options["/run/secrets"] if name != "gateway" else "/run/secrets" not in options
    # Even the owner of the files cannot write to them.
    root = ("docker", "exec", "--user", "0", system.container(name))
    told = project.run(*root, "cp", "/etc/hostname", "/usr/local/x", status=1).stderr
    assert "Read-only file system" in told


@pytest.mark.parametrize("name", project.SERVICES)
def test_only_the_expected_ports_listen(system: project.Project, name: str) -> None:
    rows = system.execute(name, "cat", "/proc/1/net/tcp", "/proc/1/net/tcp6").splitlines()
    listening = {row.split()[1] for row in rows if row.split()[3] == "0A"}
    own_resolver = "0B00007F"  # 127.0.0.11 is the engine's name server
    ports = {int(each.rpartition(":")[2], 16) for each in listening if own_resolver not in each}
    assert ports == PORTS[name]
    published = system.inspect(name)["HostConfig"]["PortBindings"] or {}
    assert bool(published) == (name == "gateway")


@pytest.mark.parametrize("name", project.SERVICES)
def test_its_resources_have_limits(system: project.Project, name: str) -> None:
    host = system.inspect(name)["HostConfig"]
    assert 0 < host["Memory"] <= 512 * 2**20
    assert 0 < host["NanoCpus"] <= 10**9
    assert 0 < host["PidsLimit"] <= 128
    assert host["LogConfig"]["Config"]["max-size"]


@pytest.mark.parametrize("store", ["redis", "db"])
def test_a_store_is_reached_over_the_back_network_alone(
    system: project.Project, store: str
) -> None:
    networks = system.inspect(store)["NetworkSettings"]["Networks"]
    assert list(networks) == [f"{system.name}_back"]
    address = networks[f"{system.name}_back"]["IPAddress"]
    (port,) = PORTS[store]

    def connect(service: str, host: str, status: int) -> None:
        command = ("python", "-c", CONNECT, host, str(port))
        system.execute(service, *command, status=status)

    for service in ("worker", "result"):
        connect(service, store, 0)
        connect(service, address, 0)
    connect("gateway", store, 1)
    connect("gateway", address, 1)
    seed = ("run", "--rm", "--no-deps", "--entrypoint", "python", "seed", "-c", CONNECT)
    system.compose(*seed, address, str(port), status=1)


def test_the_back_network_has_no_way_out(system: project.Project) -> None:
    assert project.inspect(f"{system.name}_back")["Internal"]
    for name in ("worker", "redis", "db"):
        routes = system.execute(name, "cat", "/proc/1/net/route").splitlines()[1:]
        assert all(route.split()[1] != "00000000" for route in routes), "a default route"


def test_the_worker_is_not_reached_from_the_front(system: project.Project) -> None:
    networks = system.inspect("worker")["NetworkSettings"]["Networks"]
    assert list(networks) == [f"{system.name}_back"]
    address = networks[f"{system.name}_back"]["IPAddress"]
    system.execute("vote", "python", "-c", CONNECT, address, "8082")
    system.execute("gateway", "python", "-c", CONNECT, address, "8082", status=1)


def test_the_role_of_result_reads_and_cannot_write(system: project.Project) -> None:
    before = system.stored()
    statements = {
        "SELECT * FROM tallies": "done",
        "SELECT count(*) FROM votes": "done",
        "INSERT INTO votes (id, vote) VALUES ('intruder', 'a')": "InsufficientPrivilegeError",
        "UPDATE votes SET vote = 'a'": "InsufficientPrivilegeError",
        "DELETE FROM votes": "InsufficientPrivilegeError",
        "TRUNCATE votes": "InsufficientPrivilegeError",
        "UPDATE tally_shards SET voters = 0": "InsufficientPrivilegeError",
        "DROP TABLE votes CASCADE": "InsufficientPrivilegeError",
        "CREATE TABLE mine ()": "InsufficientPrivilegeError",
        "CREATE TEMPORARY TABLE mine ()": "InsufficientPrivilegeError",
        "CREATE SCHEMA mine": "InsufficientPrivilegeError",
        "SELECT lo_create(0)": "InsufficientPrivilegeError",
        "SELECT lo_from_bytea(0, 'much')": "InsufficientPrivilegeError",
        "COPY votes TO PROGRAM 'cat'": "InsufficientPrivilegeError",
        "SET ROLE worker": "InsufficientPrivilegeError",
    }
    answers = system.execute(
        "result", "python", "-c", AS_RESULT, input=json.dumps(list(statements))
    )
    assert dict(zip(statements, json.loads(answers), strict=True)) == statements
    assert system.stored() == before


@pytest.mark.parametrize(
    ("user", "commands"),
    [
        (
            "vote",
            {
                ("PING",): "done",
                ("LRANGE", "votes", "0", "-1"): "refused",
                ("DEL", "votes"): "refused",
                ("RPUSH", "{votes}:dead", "x"): "refused",
                ("PEXPIRE", "{votes}:vote-page", "5000"): "done",
                ("PEXPIRE", "votes", "5000"): "refused",
                ("KEYS", "*"): "refused",
                ("FLUSHALL",): "refused",
                ("CONFIG", "GET", "*"): "refused",
            },
        ),
        (
            "result",
            {
                ("LLEN", "votes"): "done",
                ("SMEMBERS", "{votes}:workers"): "done",
                ("RPUSH", "votes", "x"): "refused",
                ("LPOP", "votes"): "refused",
                ("DEL", "votes"): "refused",
                ("GET", "{votes}:cookie-secret"): "refused",
                ("FLUSHALL",): "refused",
            },
        ),
        (
            "worker",
            {
                ("LLEN", "votes"): "done",
                ("GET", "{votes}:stamp"): "done",
                ("GET", "{votes}:cookie-secret"): "refused",
                ("FLUSHALL",): "refused",
                ("ACL", "LIST"): "refused",
                ("CONFIG", "SET", "appendonly", "no"): "refused",
            },
        ),
    ],
)
def test_each_user_of_redis_does_only_its_own(
    system: project.Project, user: str, commands: dict[tuple[str, ...], str]
) -> None:
    answers = system.execute(
        user, "python", "-c", AS_REDIS_USER, user, input=json.dumps(list(commands))
    )
    assert dict(zip(commands, json.loads(answers), strict=True)) == commands


def test_each_container_sees_its_own_secrets_alone(system: project.Project) -> None:
    seen = {
        name: set(system.execute(name, "ls", "/run/secrets").split()) for name in project.SERVICES
    }
    assert seen == {
        "vote": {"cookie-secret", "redis-password"},
        "worker": {"redis-password", "db-password"},
        "result": {"redis-password", "db-password"},
        "gateway": set(),
        "redis": {"admin-password", "users.acl"},
        "db": {"postgres-password", "worker-password", "result-password"},
    }
