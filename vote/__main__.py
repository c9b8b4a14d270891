"""`python -m vote`: the vote service."""

import asyncio

from common import redis_client, server, unused
from common import settings as common_settings
from vote import settings


def main() -> None:
    configured = common_settings.load_or_exit(settings.Settings)
    unused.skip()
    from vote import app

    async def serve(stop: asyncio.Event) -> None:
        await redis_client.check_credentials(configured)
        listening = server.bind(configured.host, configured.port)
        await server.serve(app.create_app(configured), listening, stop, websockets=False)

    server.run(configured, serve)


if __name__ == "__main__":
    main()
