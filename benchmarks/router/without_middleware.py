"""The live router without keys, limits, log and metrics: to measure what these cost.

Run it with `granian --factory without_middleware:app`, on the router's own environment variables.
"""

import os
import sys
from pathlib import Path

from litestar.types import ASGIApp

from armlift.environment import RouterSettings
from armlift.serving.app import create_app
from armlift.serving.router import Router


def app() -> ASGIApp:
    sys.setswitchinterval(0.0005)  # as app_from_environment does
    root = Path(os.environ["ARMLIFT_ROOT"])
    return create_app(Router(RouterSettings.from_environment(root), root), middleware=False)
