"""`python mk/render.py [--check]`: write what is generated from kustomize/.

That is k8s/ (`kubectl kustomize kustomize/k8s`), and the files that the chart shares with
Kustomize. With --check, write nothing and exit with status 1 if a file is out of date.
"""

import argparse
import subprocess
import sys
import textwrap
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
KUSTOMIZE, CHART, TARGET = ROOT / "kustomize", ROOT / "chart", ROOT / "k8s"
HEADER = "# Rendered from kustomize/k8s by `make manifests`. Lasting changes belong there.\n"
# What a person who opens a file has to know.
NOTES = {
    "ConfigMap vote-configmap": (
        "# After a change of the options: kubectl -n vote rollout restart deployment\n"
    ),
    "Secret redis-secret": (
        "# PUBLIC PASSWORD: everyone can read it here. The network policies let only vote, worker\n"
        "# and result reach Redis. On a shared cluster, change it before you install.\n"
    ),
    "Secret db-secret": (
        "# PUBLIC PASSWORDS: everyone can read them here. The network policies let only worker\n"
        "# and result reach Postgres. On a shared cluster, change them before you install.\n"
    ),
}


def manifests() -> dict[Path, str]:
    """Return the content of each file in k8s/."""
    command = ["kubectl", "kustomize", str(KUSTOMIZE / "k8s")]
    rendered = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    files: dict[Path, str] = {}
    for text in rendered.stdout.split("\n---\n"):
        resource = yaml.safe_load(text)
        kind, name = str(resource["kind"]), str(resource["metadata"]["name"])
        path = TARGET / file_name(kind, name)
        before = f"{files[path]}---\n" if path in files else HEADER
        files[path] = f"{before}{NOTES.get(f'{kind} {name}', '')}{text.strip()}\n"
    return files


def file_name(kind: str, name: str) -> str:
    """Return the name of the file of a resource."""
    # kubectl applies the files of a folder by name: the namespace has to be first.
    if kind == "Namespace":
        return "00-namespace.yaml"
    if kind == "NetworkPolicy":
        return "networkpolicies.yaml"
    return f"{name.removesuffix(f'-{kind.lower()}')}-{kind.lower()}.yaml"


def copies() -> dict[Path, str]:
    """Return the files that Kustomize, its components and the chart need in their own folders."""
    scripts = KUSTOMIZE / "components/stores/db"
    rule = (KUSTOMIZE / "components/monitoring/monitoring.yaml").read_text()
    return {
        CHART / "charts/postgresql/files/roles.sql": (scripts / "roles.sql").read_text(),
        CHART / "charts/postgresql/files/roles.sh": (scripts / "roles.sh").read_text(),
        KUSTOMIZE / "components/stores-ha/db/roles.sql": (scripts / "roles.sql").read_text(),
        CHART / "files/rules.yaml": textwrap.dedent(rule[rule.index("  groups:\n") :]),
    }


def main() -> None:
    """Write or check the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only check, change nothing")
    is_check = parser.parse_args().check
    try:
        wanted = manifests() | copies()
    except FileNotFoundError:
        sys.exit("kubectl is not installed: it renders the manifests")
    except subprocess.CalledProcessError as error:
        sys.exit(f"kubectl kustomize failed: {error.stderr.strip()}")
    present = {
        path: path.read_text() for path in {*TARGET.glob("*.yaml"), *wanted} if path.exists()
    }
    stale = sorted(path for path in wanted | present if wanted.get(path) != present.get(path))
    if is_check and stale:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        sys.exit(f"out of date: {names}: run `make manifests`")
    for path in stale if not is_check else ():
        if path in wanted:
            path.write_text(wanted[path])
        else:
            path.unlink()


if __name__ == "__main__":
    main()
