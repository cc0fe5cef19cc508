"""`/choose`: an arm and its items for a user."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.types import ASGIApp

from armlift.errors import ParameterError
from armlift.serving.decisions import Decided
from armlift.serving.json_answer import JsonAnswer
from armlift.serving.middleware import caller_of
from armlift.serving.problems import problems
from armlift.serving.router import Router
from armlift.serving.schemas import Choice, ChooseBody

RouterRequest = Request[None, None, State]

_User = Annotated[
    str, QueryParameter(min_length=1, max_length=128, description="The user's id, hashed at once.")
]
_Experiment = Annotated[
    str | None, QueryParameter(max_length=64, description="Experiment; the first that is running by default.")
]
_Context = Annotated[
    str | None, QueryParameter(max_length=4096, description="What is known of the visit, a JSON object.")
]
_Session = Annotated[str | None, QueryParameter(max_length=128, description="Session.")]


_ANSWERS = problems(404, 422) | {
    200: ResponseSpec(Choice, generate_examples=False, description="An arm and its items")
}


@get("/choose", opt={"scope": "decide"}, tags=["decisions"], summary="Choose an arm", responses=_ANSWERS)
async def choose(
    request: RouterRequest,
    user_id: _User,
    experiment: _Experiment = None,
    context: _Context = None,
    session_id: _Session = None,
    simulated: FromQuery[bool] = False,
) -> ASGIApp:
    """Give a user an arm and its items.

    Send the `decision_id` back with the reward. Prefer POST where the user's id must not show in a URL.
    """
    router: Router = request.app.state.router
    decided = await router.decisions.choose(
        user_id,
        caller_of(request.scope),
        experiment_id=experiment,
        context=context_object(context) if context else None,
        session_id=session_id or "",
        simulated=simulated,
    )
    return JsonAnswer(answer(decided))


@post(
    "/choose",
    status_code=200,
    opt={"scope": "decide"},
    tags=["decisions"],
    summary="Choose an arm, asked in a body",
    responses=_ANSWERS,
)
async def choose_by_body(request: RouterRequest, data: JSONBody[ChooseBody]) -> ASGIApp:
    """Give a user an arm and its items, with the user's id in the body instead of the URL."""
    router: Router = request.app.state.router
    decided = await router.decisions.choose(
        str(data.user_id),
        caller_of(request.scope),
        experiment_id=data.experiment,
        context=data.context,
        session_id=data.session_id or "",
        simulated=data.simulated,
    )
    return JsonAnswer(answer(decided))


def answer(decided: Decided) -> Choice:
    """Put a decision into the words of the API."""
    strategy, arm, propensity, _ = decided.assignment
    return Choice(
        decided.token,
        decided.experiment.id,
        decided.experiment.state,
        strategy or None,
        arm,
        propensity,
        decided.slate.source,
        decided.recorded,
        decided.slate.items,
    )


def context_object(text: str) -> dict[str, object]:
    """Read the context of a query.

    Raises:
        ParameterError: It is no JSON object.
    """
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise ParameterError("context", text[:80], "a JSON object", f"{error}.") from error
