"""The live router without keys, limits, log and metrics: to measure what these cost.

Run it with `granian --factory without_middleware:app`, on the router's own environment variables.
"""

import os
from pathlib import Path

from litestar.types import ASGIApp

from armlift.environment import RouterSettings
from armlift.serving.app import avoid_pauses, create_app
from armlift.serving.router import Router


def app() -> ASGIApp:
    root = Path(os.environ["ARMLIFT_ROOT"])
    router = Router(RouterSettings.from_environment(root), root)
    return create_app(router, middleware=False, started=avoid_pauses)
