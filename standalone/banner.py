"""What a person sees when the system is ready: where the pages are."""

import socket
from pathlib import Path

ANY_HOSTS = ("0.0.0.0", "::", "")
# RFC 5737: an address for documentation. Nothing is sent: the kernel only chooses the interface.
ELSEWHERE = ("192.0.2.1", 9)


def lan_address() -> str | None:
    """This machine's address in its network, or None if it has none but the loopback one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith("127.") or address == "0.0.0.0" else address


def urls(host: str, port: int) -> list[str]:
    """Where a page that listens there is found: from this machine first, then from others."""
    if host not in ANY_HOSTS:
        hosts = [f"[{host}]" if ":" in host else host]
    else:
        hosts = ["localhost", *filter(None, [lan_address()])]
    return [f"http://{each}:{port}" for each in hosts]


def text(vote: list[str], result: list[str], stores: list[str], data: Path | None) -> str:
    """The banner. The first address of a page is underneath the second: that one is for a phone."""
    lines = ["", f"  vote    {'   '.join(vote)}", f"  result  {'   '.join(result)}", ""]
    if stores:
        lines.append(f"  stores  {' and '.join(stores)}, kept in {data}")
    return "\n".join([*lines, "  Ctrl-C stops it.", ""])
