"""The rights of each running container, and the network between them."""

import pytest

from tests.e2e.compose.project import RUNNING, Project, inspect, run

pytestmark = pytest.mark.timeout(300)
OWN = {"vote", "worker", "result"}
PORTS = {
    "vote": {8080},
    "worker": {8082},
    "result": {8081},
    "nginx": {8080, 8081},
    "redis": {6379},
    "db": {5432},
}
SECRETS = {
    "vote": {"cookie_secret", "redis_password"},
    "worker": {"redis_password", "db_pass"},
    "result": {"redis_password", "db_pass", "presenter_token"},
    "redis": {"admin-password", "users.acl"},
    "db": {"postgres-password", "worker-password", "result-password"},
}
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"
DENIED_TO_RESULT = (
    "INSERT INTO votes (id, vote) VALUES ('intruder', 'a')",
    "UPDATE votes SET vote = 'a'",
    "TRUNCATE votes",
    "DROP TABLE votes CASCADE",
    "CREATE TABLE mine ()",
    "CREATE TEMPORARY TABLE mine ()",
    "SELECT lo_create(0)",
    "SET ROLE worker",
)
AS_RESULT = (
    'PGPASSWORD="$(cat /run/secrets/result-password)" '
    'psql -h 127.0.0.1 -U result -d voting -v VERBOSITY=sqlstate -c "$1"'
)
INSUFFICIENT_PRIVILEGE = "42501"
ALLOWED_IN_REDIS = {
    "vote": ["PING", "RPUSHX {votes}:check x"],
    "worker": ["LLEN votes", "GET {votes}:stamp"],
    "result": ["LLEN votes", "SMEMBERS {votes}:workers"],
}
DENIED_IN_REDIS = {
    "vote": ["LRANGE votes 0 -1", "DEL votes", "RPUSH {votes}:dead x", "CONFIG GET *", "FLUSHALL"],
    "worker": ["GET {votes}:cookie-secret", "ACL LIST", "CONFIG SET appendonly no", "FLUSHALL"],
    "result": ["RPUSH votes x", "LPOP votes", "GET {votes}:cookie-secret", "FLUSHALL"],
}


@pytest.mark.parametrize("name", RUNNING)
def test_a_container_has_no_needless_rights(system: Project, name: str) -> None:
    lines = system.execute(name, "cat", "/proc/1/status").splitlines()
    status = {key: value.split() for key, _, value in (line.partition(":") for line in lines)}
    assert "0" not in status["Uid"]
    assert {int(status[key][0], 16) for key in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == ["1"]
    assert (status["Name"] == ["tini"]) == (name in OWN)
    root = ("docker", "exec", "--user", "0", system.container(name))
    assert "Read-only" in run(*root, "cp", "/etc/hostname", "/usr/local/x", status=1)
    host = system.inspect(name)["HostConfig"]
    assert 0 < host["Memory"] <= 512 * 2**20
    assert 0 < host["NanoCpus"] <= 10**9
    assert 0 < host["PidsLimit"] <= 128
    assert bool(host["PortBindings"]) == (name == "nginx")


@pytest.mark.parametrize("name", RUNNING)
def test_a_container_listens_only_on_its_ports(system: Project, name: str) -> None:
    rows = system.execute(name, "cat", "/proc/1/net/tcp", "/proc/1/net/tcp6").splitlines()
    addresses = {row.split()[1] for row in rows if row.split()[3] == "0A"}
    resolver = "0B00007F"  # 127.0.0.11, the engine's
    ports = {int(each.partition(":")[2], 16) for each in addresses if resolver not in each}
    assert ports == PORTS[name]


@pytest.mark.parametrize("name", SECRETS)
def test_a_container_sees_only_its_own_secrets(system: Project, name: str) -> None:
    assert set(system.execute(name, "ls", "/run/secrets").split()) == SECRETS[name]
    assert system.execute(name, "touch", "/run/secrets/x", status=1)


@pytest.mark.parametrize("name", ["redis", "db", "worker"])
def test_the_back_network_is_isolated(system: Project, name: str) -> None:
    networks = system.inspect(name)["NetworkSettings"]["Networks"]
    assert list(networks) == [f"{system.name}_back"]
    assert inspect(f"{system.name}_back")["Internal"]
    address = networks[f"{system.name}_back"]["IPAddress"]
    (port,) = PORTS[name]
    system.execute("result", "python", "-c", CONNECT, address, str(port))
    front = ("run", "--rm", "--no-deps", "--entrypoint", "python", "seed")
    assert "Error" in system.compose(*front, "-c", CONNECT, address, str(port), status=1)
    assert list(system.inspect("nginx")["NetworkSettings"]["Networks"]) == [f"{system.name}_front"]


def test_the_role_of_result_only_reads(system: Project) -> None:
    system.execute("db", "sh", "-c", AS_RESULT, "sh", "SELECT * FROM tallies")
    for statement in DENIED_TO_RESULT:
        refusal = system.execute("db", "sh", "-c", AS_RESULT, "sh", statement, status=1)
        assert INSUFFICIENT_PRIVILEGE in refusal, statement


@pytest.mark.parametrize("user", ALLOWED_IN_REDIS)
def test_a_user_of_redis_does_only_its_work(system: Project, user: str) -> None:
    password = system.execute(user, "cat", "/run/secrets/redis_password")
    client = ("valkey-cli", "--no-auth-warning", "--user", user, "--pass", password)
    for command in ALLOWED_IN_REDIS[user]:
        assert "NOPERM" not in system.execute("redis", *client, "-e", *command.split())
    for command in DENIED_IN_REDIS[user]:
        assert "NOPERM" in system.execute("redis", *client, *command.split()), command
