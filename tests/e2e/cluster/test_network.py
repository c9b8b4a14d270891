"""Who reaches whom: only the arrows of the design, and only with the rights of the design."""

import json

import pytest

from tests.e2e.cluster import command, release, space

pytestmark = pytest.mark.asyncio(loop_scope="package")

# Which of the addresses given as arguments take a connection.
REACH = """
import json, socket, sys
found = {}
for address in sys.argv[1:]:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 2).close()
        found[address] = True
    except OSError as error:
        found[address] = False
print(json.dumps(found))
"""
WRITE = """
import asyncio, asyncpg
from common import settings
from result.settings import Settings
async def main():
    to = settings.load(Settings)
    db = await asyncpg.connect(host=to.db_host, port=to.db_port, user=to.db_user,
        database=to.db_name, password=to.db_pass.get_secret_value())
    print(await db.fetchval("SELECT count(*) FROM votes"))
    for statement in ("INSERT INTO votes VALUES ('x', 'a')", "UPDATE votes SET vote = 'b'",
            "DELETE FROM votes", "TRUNCATE votes", "CREATE TABLE mine (x int)",
            "UPDATE tally_shards SET voters = 0"):
        try:
            await db.execute(statement)
            print("done:", statement)
        except asyncpg.InsufficientPrivilegeError:
            print("refused:", statement)
asyncio.run(main())
"""
STRANGER = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "stranger"},
    "spec": {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "stranger",
                "image": "voting-vote:0.1.0",
                "args": ["python", "-c", "import time; time.sleep(3600)"],
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    },
}


async def reached(own: space.Space, who: str, *addresses: str) -> dict[str, bool]:
    """Which of the addresses the pod (or a deployment's) takes a connection from."""
    said = await own.kubectl("exec", who, "--", "python", "-c", REACH, *addresses)
    found: dict[str, bool] = json.loads(said)
    return found


async def test_only_the_arrows_of_the_design(installed: release.Release) -> None:
    own = installed.space
    redis, db = f"vote-redis.{own.name}:6379", f"vote-db.{own.name}:5432"
    vote, result = f"vote.{own.name}:5000", f"vote-result.{own.name}:5001"
    arrows = {
        "deployment/vote": {redis: True, db: False, result: False},
        "deployment/vote-worker": {redis: True, db: True, vote: False, result: False},
        "deployment/vote-result": {redis: True, db: True, vote: False},
    }
    for who, expected in arrows.items():
        assert await reached(own, who, *expected) == expected, who


@pytest.mark.parametrize("where", ["beside", "elsewhere"])
async def test_a_stranger_reaches_the_pages_and_no_store(
    installed: release.Release, where: str
) -> None:
    own = installed.space
    expected = {
        f"vote-redis.{own.name}:6379": False,
        f"vote-db.{own.name}:5432": False,
        f"vote.{own.name}:5000": True,
        f"vote-result.{own.name}:5001": True,
    }
    if where == "beside":
        assert await stranger_reaches(own, *expected) == expected
    else:
        async with space.restricted(f"{own.name}-other") as other:
            assert await stranger_reaches(other, *expected) == expected


async def stranger_reaches(where: space.Space, *addresses: str) -> dict[str, bool]:
    await where.kubectl("apply", "--filename", "-", stdin=json.dumps(STRANGER))
    try:
        await where.kubectl("wait", "--for=condition=Ready", "pod/stranger", "--timeout=60s")
        return await reached(where, "stranger", *addresses)
    finally:
        await where.kubectl("delete", "pod", "stranger", "--now")


async def test_result_can_read_and_not_write(installed: release.Release) -> None:
    said = await installed.space.kubectl(
        "exec", "deployment/vote-result", "--", "python", "-c", WRITE
    )
    count, *attempts = said.splitlines()
    assert count == "0"
    assert len(attempts) == 6
    assert all(line.startswith("refused: ") for line in attempts), said


async def test_no_pod_has_a_token(installed: release.Release) -> None:
    for who in ("vote", "vote-worker", "vote-result"):
        with pytest.raises(command.CommandError, match="No such file"):
            await installed.space.kubectl(
                "exec", f"deployment/{who}", "--", "ls", "/var/run/secrets/kubernetes.io"
            )
