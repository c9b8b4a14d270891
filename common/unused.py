"""What the libraries import or make for uses that nobody here has.

The packages are those that python-socketio imports where they are installed. They are in no image;
where the tests have installed them, they would take a quarter of the time until a process answers,
and a fifth of its memory. The models are FastAPI's, of the OpenAPI document: some thirty, and a
validator and a serializer of each are made when it is imported; see bench/README.md.
"""

import sys

import pydantic

PACKAGES = ("aiohttp", "requests", "valkey")


def skip() -> None:
    """From now on packages are not to be found, and models are made ready when they are first used.

    What is imported already stays as it is.
    """
    for name in PACKAGES:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None: not to be found
    pydantic.BaseModel.model_config["defer_build"] = True
