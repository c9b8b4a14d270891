"""Makes the secrets of the system in the cluster, once: random passwords, nothing in a file.

Runs in a pod, with a token that may create secrets and read these four. A secret that exists
stays as it is, whoever made it; one that was lost gets the passwords that the others still have of
it. Standard library only.
"""

import base64
import json
import os
import pathlib
import re
import secrets
import ssl
import sys
import time
import urllib.error
import urllib.request

ACCOUNT = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
TIMEOUT = 10.0  # seconds, for one request
PASSWORD_BYTES = 24  # random ones; hexadecimal digits need no quoting anywhere
DATABASE = {"DB_HOST": "db", "DB_NAME": "voting"}
REDIS_KEYS = ["password"]
DB_KEYS = ["postgres-password", "worker-password", "result-password"]
LINE = re.compile(r"(?:export\s+)?(\w+)\s*=\s*(['\"]?)(.*?)\2\s*")  # of a dotenv file
HTTP_FORBIDDEN = 403
HTTP_NOT_FOUND = 404
HTTP_CONFLICT = 409
PATIENCE = 60.0  # seconds for what is applied with this pod, its role among others, to be there
PAUSE = 0.5  # seconds between two tries


def request(method: str, path: str, body: object = None) -> dict[str, object]:
    """Asks the API server about this namespace's secrets.

    Raises `urllib.error.HTTPError` for what it refuses.
    """
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    if ":" in host:  # IPv6
        host = f"[{host}]"
    namespace = (ACCOUNT / "namespace").read_text().strip()
    asked = urllib.request.Request(
        f"https://{host}:{port}/api/v1/namespaces/{namespace}/secrets{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {(ACCOUNT / 'token').read_text().strip()}",
            "Content-Type": "application/json",
        },
    )
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    # The authorities of some clusters lack extensions that Python asks for since 3.13.
    trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with urllib.request.urlopen(  # noqa: S310
        asked, timeout=TIMEOUT, context=trust
    ) as answer:
        found: dict[str, object] = json.load(answer)
    return found


def create(name: str, data: dict[str, str]) -> None:
    """Creates the secret `name`, which was not there a moment ago."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "labels": {
                "app.kubernetes.io/name": "credentials",
                "app.kubernetes.io/part-of": "voting",
            },
        },
        "stringData": data,
    }
    try:
        patiently("POST", "", secret)
    except urllib.error.HTTPError as error:
        if error.code != HTTP_CONFLICT:
            raise
        sys.exit(f"secret {name}: somebody made it just now, looking again")
    sys.stdout.write(f"secret {name}: created\n")


def read(name: str) -> dict[str, str] | None:
    """The data of the secret `name`; None when there is none."""
    try:
        found = patiently("GET", f"/{name}").get("data") or {}
    except urllib.error.HTTPError as error:
        if error.code != HTTP_NOT_FOUND:
            raise
        return None
    sys.stdout.write(f"secret {name}: exists, left as it is\n")
    if not isinstance(found, dict):
        raise TypeError(f"secret {name}: its data are no mapping")
    # Without a line's end, as those who read it from a file take it.
    return {
        key: base64.b64decode(value).decode(errors="replace").rstrip("\r\n")
        for key, value in found.items()
    }


def patiently(method: str, path: str, body: object = None) -> dict[str, object]:
    """As `request`, again and again while the API server is away or does not know our rights."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return request(method, path, body)
        except urllib.error.HTTPError as error:
            if error.code != HTTP_FORBIDDEN or time.monotonic() > until:
                raise
        except OSError:
            if time.monotonic() > until:
                raise
        time.sleep(PAUSE)


def complete(name: str, keys: list[str], data: dict[str, str] | None) -> dict[str, str]:
    """The data of a secret of a store, none when it is not there. It needs a password a key."""
    if data is not None and not all(data.get(key) for key in keys):
        sys.exit(f"secret {name}: it must have the keys {', '.join(keys)}: delete it or add them")
    return data or {}


def password(whose: str, held: dict[str, str | None]) -> str:
    """The password that the secrets in `held` have, by their names; a random one where none has."""
    known = {name: value for name, value in held.items() if value}
    if len(set(known.values())) > 1:
        sys.exit(
            f"secrets {', '.join(known)}: they have different passwords of {whose}: delete those"
            " that are wrong, or all of them, and they are made to fit"
        )
    return next(iter(known.values()), None) or secrets.token_hex(PASSWORD_BYTES)


def of_role(service: dict[str, str], role: str) -> str | None:
    """The password of a role of db in the settings of a service, unless it uses another."""
    is_ours = service.get("DB_HOST") == "db" and service.get("DB_USER") == role
    return service.get("DB_PASS") if is_ours else None


def of_redis(service: dict[str, str]) -> str | None:
    """The password of redis in the settings of a service, unless it uses another Redis."""
    return service.get("REDIS_PASSWORD") if service.get("REDIS_HOST") == "redis" else None


def env(values: dict[str, str]) -> str:
    """The text of a dotenv file."""
    quoted = {
        name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in values.items()
    }
    return "".join(f"{name}='{value}'\n" for name, value in quoted.items())


def settings(text: str) -> dict[str, str]:
    """What stands in a dotenv file such as `env` makes."""
    lines = filter(None, map(LINE.fullmatch, text.splitlines()))
    return {line[1]: re.sub(r"\\([\\'])", r"\1", line[3]) for line in lines}


def main() -> None:
    """Creates those of the four secrets that are missing."""
    redis, db, worker, result = (
        read(f"{name}-secret") for name in ("redis", "db", "worker-db", "result-db")
    )
    to_redis = complete("redis-secret", REDIS_KEYS, redis)
    to_db = complete("db-secret", DB_KEYS, db)
    of_worker, of_result = worker or {}, settings((result or {}).get(".env", ""))
    of_queue = password(
        "redis",
        {
            "redis-secret": to_redis.get("password"),
            "worker-db-secret": of_redis(of_worker),
            "result-db-secret": of_redis(of_result),
        },
    )
    roles = {
        role: password(
            role,
            {
                "db-secret": to_db.get(f"{role}-password"),
                f"{role}-db-secret": of_role(service, role),
            },
        )
        for role, service in (("worker", of_worker), ("result", of_result), ("postgres", {}))
    }
    queue = {"REDIS_HOST": "redis", "REDIS_PASSWORD": of_queue}
    if redis is None:
        create("redis-secret", {"password": of_queue})
    if db is None:
        create("db-secret", {f"{role}-password": value for role, value in roles.items()})
    if worker is None:
        login = {"DB_USER": "worker", "DB_PASS": roles["worker"]}
        create("worker-db-secret", DATABASE | login | queue)
    if result is None:
        login = {"DB_USER": "result", "DB_PASS": roles["result"]}
        create("result-db-secret", {".env": env(DATABASE | login | queue)})


if __name__ == "__main__":
    main()
