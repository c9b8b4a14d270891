"""`python -m tests.worker`: a worker with a name or a batch size that no setting changes."""

import argparse
from functools import partial

from common.server import serve
from common.settings import load
from worker.app import create_app
from worker.consumer import BATCH_SIZE
from worker.settings import Settings

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", help="instead of the host name")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE)
    serve(partial(create_app, **vars(parser.parse_args())), load(Settings), name="worker")
