"""`python -m tests.deploy.audit FOLDER`: writes there all that is rendered, for an auditor."""

import pathlib
import shutil
import sys

import yaml

from tests.deploy import manifest


def main(arguments: list[str]) -> None:
    for program in ("kubectl", "helm"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is needed to render what is audited, and is not installed")
    folder = pathlib.Path(arguments[0])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for source, resources in manifest.everything().items():
        name = source.replace("/", "-").replace(" ", "-")
        (folder / f"{name}.yaml").write_text(yaml.safe_dump_all(resources))


if __name__ == "__main__":
    main(sys.argv[1:])
