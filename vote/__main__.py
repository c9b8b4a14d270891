"""`python -m vote`: the vote service."""

from common.server import serve
from common.settings import load
from vote.app import create_app
from vote.settings import Settings

if __name__ == "__main__":
    serve(create_app, load(Settings), name="vote")
