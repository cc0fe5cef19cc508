"""`/update` and `/events`: what became of decisions."""

from __future__ import annotations

from typing import Any

from litestar import post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from litestar.types import ASGIApp

from armlift.errors import ParameterError
from armlift.serving.json_answer import JsonAnswer
from armlift.serving.middleware import caller_of
from armlift.serving.problems import problems
from armlift.serving.router import Router
from armlift.serving.routes.choose import RouterRequest
from armlift.serving.schemas import Ingested, UpdateBody, Updated

MAX_EVENTS = 500

_ACCEPTED, _DUPLICATE = JsonAnswer(Updated(True, False)), JsonAnswer(Updated(True, True))


@post(
    "/update",
    status_code=200,
    opt={"scope": "reward"},
    tags=["rewards"],
    summary="Give a reward",
    responses=problems(404, 409, 410, 422, 503)
    | {200: ResponseSpec(Updated, generate_examples=False, description="On disk and counted")},
)
async def update(request: RouterRequest, data: JSONBody[UpdateBody]) -> ASGIApp:
    """Take the reward of a decision, once.

    When the answer comes, the reward is on disk and counted; the same reward again answers `duplicate`.
    """
    router: Router = request.app.state.router
    duplicate = await router.rewards.update(data, caller_of(request.scope))
    return updated(duplicate)


def updated(duplicate: bool) -> JsonAnswer:
    """Put what became of a reward into the words of the API."""
    return _DUPLICATE if duplicate else _ACCEPTED


@post(
    "/events",
    status_code=200,
    opt={"scope": "reward"},
    tags=["rewards"],
    summary="Log events",
    responses=problems(422, 503),
)
async def events(request: RouterRequest, data: JSONBody[dict[str, Any] | list[dict[str, Any]]]) -> Ingested:
    """Take one event or a list; each is answered for itself, and the sound ones are on disk then.

    An event moves no posterior, unless the brief names its type as the reward.
    """
    router: Router = request.app.state.router
    bodies = data if isinstance(data, list) else [data]
    if len(bodies) > MAX_EVENTS:
        raise ParameterError("events", len(bodies), f"at most {MAX_EVENTS}", "Send them in smaller batches.")
    return await router.rewards.ingest(bodies, caller_of(request.scope))
