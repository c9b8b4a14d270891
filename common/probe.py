"""`python -m common.probe URL`: exit status 0 when URL answers 200 within the time, else 1.

The health check inside a container. It runs every few seconds: standard library only.
"""

import argparse
import http.client
import sys
import urllib.parse

TIMEOUT = 2.0  # seconds, below the 3 seconds that the health check gives the whole probe


def problem(url: str, timeout: float = TIMEOUT) -> str | None:
    """Why `url` is not healthy, in one line; None when it is. Raises ValueError for a bad URL."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(
            f"{url} is no URL to probe: it must look like http://127.0.0.1:8080/healthz"
        )
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout)
    try:
        connection.request("GET", parts.path or "/", headers={"Connection": "close"})
        answer = connection.getresponse()
        if answer.status == http.client.OK:
            return None
        return f"{url} answered {answer.status} {answer.reason}"
    except TimeoutError:
        return f"{url} did not answer within {timeout:g} seconds"
    except (OSError, http.client.HTTPException) as error:
        return f"{url} did not answer: {error}"
    finally:
        connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m common.probe", description=__doc__)
    parser.add_argument("url", help="for example http://127.0.0.1:8080/healthz")
    try:
        found = problem(parser.parse_args().url)
    except ValueError as error:
        parser.error(str(error))
    if found:
        sys.stderr.write(f"{found}\n")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
