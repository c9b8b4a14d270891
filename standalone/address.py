"""`python -m standalone.address NAME HOST:PORT …`: print the addresses of pages on this machine.

Uses the standard library only: `make up` calls it without .venv.
"""

import os
import socket
import sys

# RFC 5737: an address for documentation. The kernel only chooses an interface, and sends nothing.
DOCUMENTATION = ("192.0.2.1", 9)


def page_urls(port: int | str) -> list[str]:
    """Return the addresses of a page: for this machine first, then for others in the network."""
    hosts = ["localhost", *filter(None, [lan_address()])]
    return [f"http://{host}:{port}" for host in hosts]


def lan_address() -> str | None:
    """Return this machine's address in its network, if others can use one."""
    if "container" in os.environ:  # set by podman and by standalone/Dockerfile
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(DOCUMENTATION)
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith("127.") or address == "0.0.0.0" else address


if __name__ == "__main__":
    for name, address in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        urls = page_urls(address.rpartition(":")[2])
        sys.stdout.write(f"  {name:7} {'   '.join(urls)}\n")
