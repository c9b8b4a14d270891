"""The connections that pods may open, and their rights."""

import json

import pytest

from tests.e2e.cluster.release import VERSION, Release
from tests.e2e.cluster.system import CommandError, System, restricted

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(200)]

# Prints which of the addresses in the arguments accept a connection.
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
import asyncio, asyncpg, pathlib, os
async def main():
    password = pathlib.Path("/run/secrets/db_pass").read_text()
    host, user, name = (os.environ[each] for each in ("DB_HOST", "DB_USER", "DB_NAME"))
    db = await asyncpg.connect(f"postgresql://{user}@{host}/{name}", password=password)
    print(await db.fetchval("SELECT count(*) FROM votes"))
    for statement in ("INSERT INTO votes VALUES ('x', 'a')", "UPDATE votes SET vote = 'b'",
            "DELETE FROM votes", "TRUNCATE votes", "CREATE TABLE mine (x int)"):
        try:
            await db.execute(statement)
            print("done:", statement)
        except asyncpg.InsufficientPrivilegeError:
            print("refused:", statement)
asyncio.run(main())
"""
STRANGER = """
apiVersion: v1
kind: Pod
metadata: {name: stranger}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: stranger
      image: voting-vote:VERSION
      args: [sleep, infinity]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""


async def check_reached(system: System, who: str, expected: dict[str, bool]) -> None:
    said = await system.kubectl("exec", who, "--", "python", "-c", REACH, *expected)
    assert json.loads(said) == expected, who


async def test_services_connect_only_to_what_they_need(installed: Release) -> None:
    system = installed.system
    redis, db = f"vote-redis.{system.namespace}:6379", f"vote-db.{system.namespace}:5432"
    vote, result = f"vote.{system.namespace}:5000", f"vote-result.{system.namespace}:5001"
    for who, expected in {
        "deployment/vote": {redis: True, db: False, result: False},
        "deployment/vote-worker": {redis: True, db: True, vote: False, result: False},
        "deployment/vote-result": {redis: True, db: True, vote: False},
    }.items():
        await check_reached(system, who, expected)


@pytest.mark.parametrize("where", ["inside", "outside"])
async def test_a_stranger_reaches_the_pages_and_no_store(installed: Release, where: str) -> None:
    system = installed.system
    expected = {
        f"vote-redis.{system.namespace}:6379": False,
        f"vote-db.{system.namespace}:5432": False,
        f"vote.{system.namespace}:5000": True,
        f"vote-result.{system.namespace}:5001": True,
    }
    if where == "inside":
        await check_stranger(system, expected)
    else:
        async with restricted(f"{system.namespace}-other") as other:
            await check_stranger(other, expected)


async def check_stranger(system: System, expected: dict[str, bool]) -> None:
    await system.kubectl("apply", "--filename=-", stdin=STRANGER.replace("VERSION", VERSION))
    try:
        await system.kubectl("wait", "--for=condition=Ready", "pod/stranger", "--timeout=60s")
        await check_reached(system, "stranger", expected)
    finally:
        await system.kubectl("delete", "pod", "stranger", "--now")


async def test_result_cannot_write(installed: Release) -> None:
    said = await installed.system.kubectl(
        "exec", "deployment/vote-result", "--", "python", "-c", WRITE
    )
    count, *attempts = said.splitlines()
    assert count == "0"
    assert len(attempts) == 5
    assert all(line.startswith("refused: ") for line in attempts), said


async def test_no_pod_has_a_token(installed: Release) -> None:
    for who in ("vote", "vote-worker", "vote-result"):
        with pytest.raises(CommandError, match="No such file"):
            await installed.system.kubectl(
                "exec", f"deployment/{who}", "--", "ls", "/var/run/secrets/kubernetes.io"
            )
