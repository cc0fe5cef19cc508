"""The Litestar application of the live router."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from litestar import Litestar
from litestar.datastructures import State
from litestar.middleware import DefineMiddleware
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ASGIApp, ControllerRouterHandler

from armlift.environment import RouterSettings
from armlift.errors import ArmliftError
from armlift.serving.api_docs import api_documentation
from armlift.serving.films import Films
from armlift.serving.middleware import Admission, Door, Doorkeeper
from armlift.serving.middleware.doorkeeper import MAX_BODY
from armlift.serving.problems import EXCEPTION_HANDLERS
from armlift.serving.router import Router
from armlift.serving.routes import choose, experiments, health, live, ofrep, update
from armlift.serving.routes.cards import TEMPLATES, card_routes
from armlift.serving.shortcut import Shortcut

HANDLERS: Sequence[ControllerRouterHandler] = (
    choose.choose,
    choose.choose_by_body,
    update.update,
    update.events,
    ofrep.evaluate,
    ofrep.evaluate_all,
    experiments.list_experiments,
    experiments.show_experiment,
    experiments.create_experiment,
    experiments.act,
    experiments.forget_user,
    live.live_state,
    health.live,
    health.ready,
    health.metrics,
)


def create_app(
    router: Router, *, middleware: bool = True, started: Callable[[], None] = lambda: None
) -> ASGIApp:
    """Build the application around a router, which starts and stops with it.

    Args:
        router: Not started yet.
        middleware: False leaves out keys, limits, log and metrics: to measure what they cost.
        started: Called when the router has started.
    """

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        try:
            router.start()
            started()
            yield
        finally:
            router.stop()

    door = Door(router.keyring, lambda reason: router.metrics.refused.labels(reason).inc())
    app = Litestar(
        [*HANDLERS, *card_routes()],
        state=State({"router": router, "films": Films(router.decisions, router.rewards, router.shelf)}),
        lifespan=[lifespan],
        middleware=[DefineMiddleware(Admission, door=door)] if middleware else [],
        exception_handlers=EXCEPTION_HANDLERS,
        template_config=TEMPLATES,
        request_max_body_size=MAX_BODY,
        logging_config=None,
        openapi_config=_documentation(),
    )
    shortcut = Shortcut(app, router, door if middleware else None)
    if not middleware:
        return shortcut
    paths = [route.path_format for route in app.routes]
    hosts, origins = router.settings.allowed_hosts, router.settings.allowed_origins
    return Doorkeeper(shortcut, hosts, origins, router.metrics, router.access_log, paths)


def _documentation() -> OpenAPIConfig:
    bearer = SecurityScheme(type="http", scheme="bearer", description="`Authorization: Bearer KEY`")
    header = SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header")
    return api_documentation(
        "armlift",
        version("armlift"),
        description="Decisions, rewards and experiments. Errors are problems (RFC 9457) with stable codes.",
        components=Components(security_schemes={"bearer": bearer, "header": header}),
        security=[{"bearer": []}, {"header": []}, {}],  # none where the router needs no key
    )


def app_from_environment() -> ASGIApp:
    """Build the application as the environment says, for the server to load.

    Raises:
        SystemExit: It cannot be: the settings, or the store, in one line.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    root = Path(os.environ.get("ARMLIFT_ROOT", "."))
    try:
        router = Router(RouterSettings.from_environment(root), root)
    except ArmliftError as error:
        sys.exit(f"Error: {' '.join(str(error).split())}")
    return create_app(router, started=avoid_pauses)


def avoid_pauses() -> None:
    """Have the interpreter of this process keep requests waiting for as short as it can."""
    # The writer's thread shares the interpreter with the event loop: by default either may keep it for 5 ms.
    sys.setswitchinterval(0.0005)
    # Searching everything for garbage takes a tenth of a second, and more with each user remembered, in which
    # nobody is answered. What was loaded stays for good; the rest is searched by the router once an hour.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], 1_000_000_000)
