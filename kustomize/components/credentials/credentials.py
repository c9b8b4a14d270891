"""Makes the secrets of the system in the cluster, once: random passwords, nothing in a file.

Runs in a pod, with a token that may create secrets and read two of them. A secret that exists
stays as it is, whoever made it. Standard library only.
"""

import base64
import json
import os
import pathlib
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
HTTP_FORBIDDEN = 403
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


def create(name: str, data: dict[str, str]) -> bool:
    """Creates the secret `name`; False when there is one already."""
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
        sys.stdout.write(f"secret {name}: exists, left as it is\n")
        return False
    sys.stdout.write(f"secret {name}: created\n")
    return True


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


def ensure(name: str, keys: list[str]) -> dict[str, str]:
    """The data of the secret `name`, which is created with a random password a key."""
    data = {key: secrets.token_hex(PASSWORD_BYTES) for key in keys}
    if create(name, data):
        return data
    found = patiently("GET", f"/{name}")["data"]
    if not isinstance(found, dict) or not set(keys) <= set(found):
        sys.exit(f"secret {name}: it must have the keys {', '.join(keys)}: delete it or add them")
    return {key: base64.b64decode(found[key]).decode() for key in keys}


def env(values: dict[str, str]) -> str:
    """The text of a dotenv file."""
    return "".join(f"{name}='{value}'\n" for name, value in values.items())


def main() -> None:
    """Creates the four secrets that the pods name."""
    redis = ensure("redis-secret", ["password"])
    db = ensure("db-secret", ["postgres-password", "worker-password", "result-password"])
    queue = {"REDIS_HOST": "redis", "REDIS_PASSWORD": redis["password"]}
    worker = {"DB_USER": "worker", "DB_PASS": db["worker-password"]}
    result = {"DB_USER": "result", "DB_PASS": db["result-password"]}
    create("worker-db-secret", DATABASE | worker | queue)
    create("result-db-secret", {".env": env(DATABASE | result | queue)})


if __name__ == "__main__":
    main()
