"""`/health/*` and `/metrics`: for whoever runs the router."""

from __future__ import annotations

import msgspec
from litestar import MediaType, Response, get
from litestar.openapi.datastructures import ResponseSpec

from armlift.serving.metrics import Metrics
from armlift.serving.middleware import ANYBODY
from armlift.serving.problems import problems
from armlift.serving.router import Router
from armlift.serving.routes.choose import RouterRequest


class Health(msgspec.Struct, frozen=True):
    """Whether the router can do its work, and what it serves."""

    status: str
    store: str
    slates: str
    experiments: list[str]


@get(
    "/health/live",
    opt={"scope": ANYBODY},
    responses=problems(),
    tags=["operation"],
    summary="Does the process answer?",
)
async def live() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "live"}


@get(
    "/health/ready",
    opt={"scope": ANYBODY},
    responses=problems() | {503: ResponseSpec(Health, description="It cannot, now", generate_examples=False)},
    tags=["operation"],
    summary="Can it decide and commit?",
)
async def ready(request: RouterRequest) -> Response[Health]:
    """Say whether the store was read and commits; 503 if not."""
    router: Router = request.app.state.router
    health = Health(
        "ready" if router.is_ready else "not ready",
        "commits" if router.log.healthy else "does not commit",
        router.shelf.source,
        list(router.engine.experiments),
    )
    return Response(health, status_code=200 if router.is_ready else 503)


@get(
    "/metrics",
    opt={"scope": "read"},
    responses=problems(),
    tags=["operation"],
    media_type=MediaType.TEXT,
    summary="Metrics for Prometheus",
)
async def metrics(request: RouterRequest) -> Response[bytes]:
    """Give everything that is counted, in the text format of Prometheus."""
    router: Router = request.app.state.router
    return Response(router.metrics.text(), media_type=Metrics.content_type)
