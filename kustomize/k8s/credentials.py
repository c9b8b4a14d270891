"""Create the secrets of the system in the cluster, with random passwords.

Runs in a pod of the Job `credentials`. The secrets of the stores and of the presenter are created
once, never changed. Those of the services are derived from them each time. Uses the standard
library only.
"""

import base64
import json
import os
import secrets
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TIMEOUT = 10.0  # seconds for one request
RETRY_FOR = 60.0  # seconds until the role that is applied together with this pod must exist
INTERVAL = 0.5  # seconds between two attempts
PASSWORD_BYTES = 24


def request(method: str, path: str, body: object = None) -> dict[str, Any]:
    """Send one request about secrets of this namespace to the API server and return its answer."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    server = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    namespace = (ACCOUNT / "namespace").read_text()
    token = (ACCOUNT / "token").read_text()
    asked = urllib.request.Request(
        f"https://{server}/api/v1/namespaces/{namespace}/secrets{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    # The CA certificates of some clusters lack extensions that Python requires since 3.13.
    trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with urllib.request.urlopen(asked, timeout=TIMEOUT, context=trust) as answer:  # noqa: S310
        return json.load(answer)  # type: ignore[no-any-return]


def send(method: str, path: str, body: object = None) -> dict[str, Any] | None:
    """Send a request, again while the API server cannot be reached or the role does not exist yet.

    Return None if the secret does not exist.
    """
    deadline = time.monotonic() + RETRY_FOR
    while True:
        try:
            return request(method, path, body)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            if error.code != 403 or time.monotonic() > deadline:
                raise
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(INTERVAL)


def secret(name: str, data: dict[str, str]) -> dict[str, Any]:
    """Return the manifest of a secret."""
    labels = {"app.kubernetes.io/name": "credentials", "app.kubernetes.io/part-of": "voting"}
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def passwords(name: str, *keys: str) -> dict[str, str]:
    """Return the passwords in the secret of a store. Create it with random ones if necessary."""
    found = send("GET", f"/{name}")
    if found is None:
        created = {key: secrets.token_hex(PASSWORD_BYTES) for key in keys}
        send("POST", "", secret(name, created))
        sys.stdout.write(f"secret {name}: created\n")
        return created
    data = {key: base64.b64decode(text).decode() for key, text in (found["data"] or {}).items()}
    missing = [key for key in keys if not data.get(key)]
    if missing:
        sys.exit(f"secret {name}: {', '.join(missing)} is missing: add it, or delete the secret")
    sys.stdout.write(f"secret {name}: exists\n")
    return {key: data[key].rstrip("\r\n") for key in keys}


def put(name: str, data: dict[str, str]) -> None:
    """Create or replace the secret of a service."""
    if send("PUT", f"/{name}", secret(name, data)) is None:
        send("POST", "", secret(name, data))
    sys.stdout.write(f"secret {name}: written\n")


def dotenv(values: dict[str, str]) -> str:
    """Return the text of a .env file."""
    quoted = {key: value.replace("\\", "\\\\").replace("'", "\\'") for key, value in values.items()}
    return "".join(f"{key}='{value}'\n" for key, value in quoted.items())


def main() -> None:
    """Create the secrets."""
    redis = passwords("redis-secret", "password")
    db = passwords("db-secret", "postgres-password", "worker-password", "result-password")
    presenter = passwords("presenter-secret", "presenter-token")
    shared = {"DB_HOST": "db", "DB_NAME": "voting"}
    shared |= {"REDIS_HOST": "redis", "REDIS_PASSWORD": redis["password"]}
    worker = shared | {"DB_USER": "worker", "DB_PASS": db["worker-password"]}
    result = shared | {"DB_USER": "result", "DB_PASS": db["result-password"]}
    result["PRESENTER_TOKEN"] = presenter["presenter-token"]
    put("worker-db-secret", worker)
    put("result-db-secret", {".env": dotenv(result)})


if __name__ == "__main__":
    main()
