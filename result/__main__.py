"""`python -m result`: the result service."""

from common.server import serve
from common.settings import load
from result.app import create_app
from result.settings import Settings

GRACE = 2  # seconds for requests in progress: a long poll takes more, and its browser comes back

if __name__ == "__main__":
    serve(create_app, load(Settings), name="result", grace=GRACE, websockets=True)
