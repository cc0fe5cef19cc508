"""`/ofrep/v1`: experiments as feature flags, by the OpenFeature Remote Evaluation Protocol.

A flag's key is the experiment's id, its value and variant are the arm's id, `targetingKey` is the user. The
metadata has the `decision_id` to send rewards for. What is evaluated alone counts as seen. What is evaluated
together with all other flags, as browsers do when they start, gets into the log with its first event or
reward.

Source: OpenFeature Remote Evaluation Protocol, https://github.com/open-feature/protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, post
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter, JSONBody
from litestar.types import ExceptionHandlersMap

from armlift.errors import ArmliftError, ParameterError, UnknownExperiment
from armlift.serving.clock import now_us
from armlift.serving.decisions import Decided
from armlift.serving.middleware import caller_of
from armlift.serving.problems import UNREADABLE, on_error, on_http_exception, problems
from armlift.serving.router import Router
from armlift.serving.routes.choose import RouterRequest

_LONGEST_KEY: Final = 128
_JSON: Final = "application/json"


class Evaluation(msgspec.Struct):
    """What flags are evaluated for: `targetingKey` in the context is the user's id."""

    context: dict[str, Any] = {}


class Flag(msgspec.Struct, frozen=True):
    """An evaluated flag."""

    key: str
    reason: str
    variant: str
    value: str
    metadata: dict[str, bool | float | str]


class Flags(msgspec.Struct, frozen=True):
    """All flags."""

    flags: list[Flag]


class FlagProblem(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Why a flag was not evaluated; without a key, none was."""

    error_code: str
    error_details: str
    key: str | None = None


def _refusal(request: Request[Any, Any, Any], status: int, code: str, details: str) -> Response[Any]:
    body = FlagProblem(code, details, request.path_params.get("key"))
    return Response(msgspec.json.encode(body), status_code=status, media_type=_JSON)


def _on_armlift_error(request: Request[Any, Any, Any], error: ArmliftError) -> Response[Any]:
    details = " ".join(str(error).split())
    if isinstance(error, UnknownExperiment):
        return _refusal(request, 404, "FLAG_NOT_FOUND", details)
    if isinstance(error, ParameterError):
        is_user = error.name == "targetingKey" and not error.value
        return _refusal(request, 400, "TARGETING_KEY_MISSING" if is_user else "INVALID_CONTEXT", details)
    return on_error(request, error)


def _on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    if error.status_code != 400:
        return on_http_exception(request, error)
    code = "INVALID_CONTEXT" if isinstance(error, ValidationException) else "PARSE_ERROR"
    return _refusal(request, 400, code, error.detail)


def _on_unreadable(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    return _refusal(request, 400, "PARSE_ERROR", UNREADABLE)


_HANDLERS: Final[ExceptionHandlersMap] = {
    ArmliftError: _on_armlift_error,
    HTTPException: _on_http_exception,
    UnicodeDecodeError: _on_unreadable,
    RecursionError: _on_unreadable,
}
_REFUSED: Final = problems() | {
    400: ResponseSpec(FlagProblem, description="The context cannot be used", generate_examples=False),
}
_UNKNOWN: Final = ResponseSpec(FlagProblem, description="No such flag", generate_examples=False)


@post(
    "/ofrep/v1/evaluate/flags/{key:str}",
    status_code=200,
    opt={"scope": "decide"},
    exception_handlers=_HANDLERS,
    responses=_REFUSED | {404: _UNKNOWN},
    tags=["OpenFeature"],
    summary="Evaluate a flag",
)
async def evaluate(request: RouterRequest, key: FromPath[str], data: JSONBody[Evaluation]) -> Flag:
    """Choose an arm of the experiment that is called like the flag."""
    router: Router = request.app.state.router
    user_id, context = _user(data)
    decided = await router.decisions.choose(
        user_id, caller_of(request.scope), experiment_id=key, context=context
    )
    return _flag(decided)


@post(
    "/ofrep/v1/evaluate/flags",
    status_code=200,
    opt={"scope": "decide"},
    exception_handlers=_HANDLERS,
    responses=_REFUSED | {304: ResponseSpec(None, description="Nothing has changed")},
    tags=["OpenFeature"],
    summary="Evaluate all flags",
)
async def evaluate_all(
    request: RouterRequest,
    data: JSONBody[Evaluation],
    if_none_match: Annotated[
        str | None, HeaderParameter(name="If-None-Match", description="ETag of the flags that are known.")
    ] = None,
) -> Response[Flags]:
    """Assign the user in every experiment; none of them counts as seen until its first event or reward."""
    router: Router = request.app.state.router
    user_id, context = _user(data)
    found = await router.decisions.preview(user_id, caller_of(request.scope), context=context)
    tag = _tag(router.secrets.user_key(user_id), found)
    headers = {"ETag": tag}
    if tag in {known.strip().removeprefix("W/") for known in (if_none_match or "").split(",")}:
        return Response(None, status_code=304, headers=headers)  # type: ignore[arg-type]
    return Response(Flags([_flag(decided) for decided in found]), headers=headers)


def _user(data: Evaluation) -> tuple[str, dict[str, Any]]:
    context = dict(data.context)
    user_id = context.pop("targetingKey", None)
    if not isinstance(user_id, str | None) or len(user_id or "") > _LONGEST_KEY:
        bound = f"a text of 1 to {_LONGEST_KEY} characters"
        raise ParameterError("targetingKey", "...", bound, "Send the user's id.")
    if not user_id:
        raise ParameterError("targetingKey", "", "the user's id", "Put it into the evaluation context.")
    return user_id, context


def _flag(decided: Decided) -> Flag:
    strategy, arm, propensity, _ = decided.assignment
    metadata: dict[str, bool | float | str] = {
        "propensity": propensity,
        "recorded": decided.recorded,
        "state": decided.experiment.state,
    }
    if decided.token is not None:
        metadata |= {"decision_id": decided.token, "strategy": strategy}
    return Flag(decided.experiment.id, _reason(decided), arm, arm, metadata)


def _reason(decided: Decided) -> str:
    if decided.token is not None:
        return "SPLIT"
    return "TARGETING_MATCH" if decided.experiment.state == "running" else "STATIC"


def _tag(user_key: str, found: Sequence[Decided]) -> str:
    """An ETag that holds while the user gets the same arms and the decision ids will do for rewards.

    It changes twice in the shortest reward window: who has the flags still has half a window for rewards.
    """
    window = min((decided.experiment.reward_window for decided in found), default=1)
    parts = [user_key, str(now_us() * 2 // window)]
    for decided in found:
        strategy, arm, _, _ = decided.assignment
        parts += [decided.experiment.id, decided.experiment.state, strategy, arm]
    return f'"{blake2b("/".join(parts).encode(), digest_size=12).hexdigest()}"'
