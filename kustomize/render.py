"""`python kustomize/render.py [--check]`: writes what is made from kustomize/.

That is k8s/, the manifests of `kubectl kustomize kustomize/overlays/flat`, one file a resource; and
in chart/ the files that the chart has in common with Kustomize. With --check it writes nothing and
exits 1 when one of them is not what it would write. Needs kubectl.
"""

import argparse
import pathlib
import subprocess
import sys
import textwrap

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
KUSTOMIZE, CHART, TARGET = ROOT / "kustomize", ROOT / "chart", ROOT / "k8s"
SOURCE = KUSTOMIZE / "overlays" / "flat"
MONITORING = KUSTOMIZE / "components" / "monitoring"
ROLES = CHART / "charts" / "postgresql" / "files"
HEADER = "# Rendered from kustomize/overlays/flat by `make manifests`: change it there.\n"


def files(rendered: str) -> dict[str, str]:
    """The content of each file, by its name."""
    found = {}
    for text in rendered.split("\n---\n"):
        resource = yaml.safe_load(text)
        found[file_name(resource)] = HEADER + text.strip() + "\n"
    return found


def copies() -> dict[pathlib.Path, str]:
    """What the chart has in common with Kustomize, neither of which reads outside of its folder."""
    rule = (MONITORING / "voting-prometheusrule.yaml").read_text()
    return {
        ROLES / "roles.sql": (KUSTOMIZE / "base" / "db" / "roles.sql").read_text(),
        ROLES / "roles.sh": (KUSTOMIZE / "base" / "db" / "roles.sh").read_text(),
        CHART / "files" / "dashboard.json": (MONITORING / "dashboard.json").read_text(),
        CHART / "files" / "rules.yaml": textwrap.dedent(rule.partition("\nspec:\n")[2]),
    }


def file_name(resource: dict[str, dict[str, str]]) -> str:
    kind, name = str(resource["kind"]).lower(), resource["metadata"]["name"]
    # kubectl applies a folder's files by name, and the namespace has to be there first.
    return "00-namespace.yaml" if kind == "namespace" else f"{name}-{kind}.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether k8s/ is up to date")
    check = parser.parse_args().check
    command = ["kubectl", "kustomize", str(SOURCE)]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    except FileNotFoundError:
        sys.exit("kubectl is needed to render the manifests")
    except subprocess.CalledProcessError as error:
        sys.exit(f"kubectl kustomize failed: {error.stderr.strip()}")
    wanted = {TARGET / name: text for name, text in files(done.stdout).items()} | copies()
    known = {*TARGET.glob("*.yaml"), *wanted}
    present = {path: path.read_text() for path in known if path.exists()}
    if check:
        stale = [path for path in wanted | present if wanted.get(path) != present.get(path)]
        if stale:
            names = ", ".join(sorted(str(path.relative_to(ROOT)) for path in stale))
            sys.exit(f"stale: {names}: run make manifests")
        return
    for path in present.keys() - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
