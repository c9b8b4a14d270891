"""`python -m tests.deploy.audit FOLDER`: write everything that can be rendered, for checkov."""

import shutil
import sys
from pathlib import Path

import yaml

from tests.deploy import manifest


def main(arguments: list[str]) -> None:
    for program in ("kubectl", "helm"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed: it renders what is audited")
    folder = Path(arguments[0])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in manifest.SOURCES:
        resources = manifest.source(name)
        for resource in resources:  # Helm leaves the namespace to `helm install`
            resource["metadata"].setdefault("namespace", "own")
        (folder / f"{name.replace(' ', '-')}.yaml").write_text(yaml.safe_dump_all(resources))


if __name__ == "__main__":
    main(sys.argv[1:])
