"""Errors as RFC 9457 problems: every one has a code that stays, for programs to tell them apart."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ExceptionHandlersMap

from armlift.errors import (
    ArmliftError,
    BriefError,
    DataError,
    ExpiredDecision,
    ForgedDecision,
    LiveError,
    MismatchedDecision,
    ParameterError,
    RewardConflict,
    StateError,
    StoreUnavailable,
    UnknownExperiment,
)

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
UNREADABLE = "The body is not JSON in UTF-8, or is nested too deeply."
_HUNG_UP = "disconnected"  # what Litestar says when a body does not come to its end
ANYWHERE: Final = (400, 401, 403, 413, 429)
"""Statuses with which the door or the parser may answer any request."""

KINDS: dict[type[Exception], tuple[int, str, str]] = {
    BriefError: (422, "brief_faults", "The brief has faults"),
    ParameterError: (422, "out_of_bounds", "A value lies outside its bound"),
    UnknownExperiment: (404, "unknown_experiment", "No such experiment"),
    StateError: (409, "state_forbids", "The experiment's state does not allow this"),
    ForgedDecision: (403, "forged_decision", "This decision id was not signed here"),
    MismatchedDecision: (422, "mismatched_decision", "User or arm differ from the decision's"),
    ExpiredDecision: (410, "expired_decision", "The reward window is over"),
    RewardConflict: (409, "reward_conflict", "The decision has another reward"),
    DataError: (422, "not_storable", "This cannot be stored"),
    LiveError: (503, "store_unavailable", "The store cannot be used now"),
    StoreUnavailable: (503, "store_unavailable", "The store cannot commit now"),
}
_BY_STATUS = {
    400: ("invalid_request", "The request is not valid"),
    401: ("key_required", "An API key is required"),
    403: ("forbidden", "This is not allowed"),
    404: ("not_found", "There is nothing here"),
    405: ("method_not_allowed", "This method is not supported here"),
    413: ("too_large", "The request is too large"),
    422: ("invalid_request", "The request is not valid"),
    429: ("rate_limited", "Too many requests"),
}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of an error."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    faults: list[dict[str, str]] = []


def problem(
    status: int, code: str, title: str, detail: str = "", faults: list[dict[str, str]] | None = None
) -> bytes:
    """Give a problem as JSON."""
    return msgspec.json.encode(
        Problem(f"urn:armlift:problem:{code}", title, status, code, detail, faults or [])
    )


def _answer(status: int, body: bytes, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers or {})


def problem_of(error: Exception, method: str, path: str) -> tuple[int, bytes, dict[str, str]]:
    """Say what an error of armlift's, or a fault of it, is to a client.

    Args:
        error: The error; a fault goes into the log whole, and the client hears nothing of it.
        method: Of the request, for the log.
        path: Template of the request's path, for the log: what a client typed stays out of it.

    Returns:
        Status, problem as JSON, and headers.
    """
    known = [KINDS[kind] for kind in type(error).__mro__ if kind in KINDS]
    if not known:
        logger.error("%s %s failed", method, path, exc_info=error)
        return 500, problem(500, "internal", "The router failed", "The log says why."), {}
    status, code, title = known[0]
    headers, faults = {}, []
    detail = " ".join(str(error).split())
    if code == "store_unavailable":
        seconds = error.retry_after_seconds if isinstance(error, StoreUnavailable) else 1.0
        headers["Retry-After"] = str(max(1, round(seconds)))
        detail = "Nothing was changed. Send it again."  # what the store said is for the log
    if isinstance(error, BriefError):
        faults = [{"field": fault.field, "message": fault.message} for fault in error.faults]
    return status, problem(status, code, title, detail, faults), headers


def on_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer one of armlift's own errors, or a fault of armlift."""
    return _answer(*problem_of(error, request.method, request.scope.get("path_template", "")))


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer what Litestar refused."""
    status = error.status_code
    if isinstance(error, InternalServerException) and _HUNG_UP in error.detail:
        status = 400  # nobody reads it, and the log must not blame the router
    code, title = _BY_STATUS.get(status, ("error", "The request failed"))
    faults = []
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        faults = [
            {"field": str(fault.get("key", "")), "message": str(fault.get("message", ""))}
            for fault in error.extra
            if isinstance(fault, dict)
        ]
    detail = error.detail if status < 500 else ""
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() != "content-type"}
    return _answer(status, problem(status, code, title, detail, faults), headers)


def on_unreadable(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a body that the JSON reader gave up on."""
    code, title = _BY_STATUS[400]
    return _answer(400, problem(400, code, title, UNREADABLE))


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    ArmliftError: on_error,
    HTTPException: on_http_exception,
    UnicodeDecodeError: on_unreadable,
    RecursionError: on_unreadable,
    Exception: on_error,
}


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Give the errors of a route, for the documentation.

    Args:
        statuses: Those it has besides the ones that any route has.
    """
    return {
        status: ResponseSpec(
            Problem,
            description=HTTPStatus(status).phrase,
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in sorted({*ANYWHERE, *statuses})
    }
