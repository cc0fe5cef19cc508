"""`/api/experiments`: the life of experiments, and how they stand."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable
from typing import Annotated, Any, ParamSpec, TypeVar

import msgspec
from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody

from armlift.errors import ParameterError
from armlift.experiments.brief import Brief
from armlift.experiments.life_cycle import ACTIONS
from armlift.experiments.standing import ExperimentStanding, standing
from armlift.serving.middleware import caller_of
from armlift.serving.personal_data import label
from armlift.serving.problems import problems
from armlift.serving.router import Router
from armlift.serving.routes.choose import RouterRequest
from armlift.serving.schemas import Id
from armlift.storage import ExperimentRow, forget
from armlift.storage.refusals import refusals_in_words

_NO_NUL = r"^[^\x00]*$"  # which PostgreSQL cannot store
Params = ParamSpec("Params")
Result = TypeVar("Result")
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=1000, pattern=_NO_NUL)]
Name = Annotated[str, msgspec.Meta(max_length=64, pattern=_NO_NUL)]


class AuditView(msgspec.Struct, frozen=True):
    """A change: who made it, why, and to which brief."""

    ts: int
    action: str
    state_before: str
    state_after: str
    who: str
    why: str
    brief_hash: str


class ExperimentDetails(msgspec.Struct, frozen=True):
    """An experiment with its brief and its history."""

    experiment: ExperimentStanding
    brief: dict[str, Any]
    audit: list[AuditView]


class CreateBody(msgspec.Struct, forbid_unknown_fields=True):
    """A brief and why it is run."""

    brief: dict[str, Any]
    reason: Reason = "created through the API"
    who: Name = "api"


class ActionBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why, and for `force` the arm that wins."""

    reason: Reason
    arm: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    who: Name = "api"


class ForgetBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whom to forget, and why; the reason must not name the person."""

    user_id: Id | int
    reason: Reason
    who: Name = "api"


@get(
    "/api/experiments",
    opt={"scope": "read"},
    responses=problems(503),
    tags=["experiments"],
    summary="List",
)
async def list_experiments(request: RouterRequest) -> list[ExperimentStanding]:
    """List all experiments, the first created first."""
    router: Router = request.app.state.router
    rows = await asked(router, router.store.rows)
    return [view(router, row) for row in rows]


@get(
    "/api/experiments/{experiment_id:str}",
    opt={"scope": "read"},
    responses=problems(404, 503),
    tags=["experiments"],
    summary="One, with brief and history",
)
async def show_experiment(request: RouterRequest, experiment_id: FromPath[str]) -> ExperimentDetails:
    """Show an experiment, what was declared for it, and every change it went through."""
    router: Router = request.app.state.router
    row = await find_row(router, experiment_id)
    audit = await asked(router, router.store.audit, experiment_id)
    return ExperimentDetails(
        view(router, row),
        row.brief.model_dump(mode="json"),
        [
            AuditView(
                entry.ts,
                entry.action,
                entry.state_before,
                entry.state_after,
                entry.who,
                entry.why,
                entry.brief_hash,
            )
            for entry in audit
        ],
    )


@post(
    "/api/experiments",
    opt={"scope": "admin"},
    responses=problems(422, 503),
    tags=["experiments"],
    summary="Create from a brief",
)
async def create_experiment(request: RouterRequest, data: JSONBody[CreateBody]) -> ExperimentStanding:
    """Create an experiment in the state `draft`."""
    router: Router = request.app.state.router
    brief = Brief.model_validate(data.brief)
    if "\\u0000" in brief.canonical_json:
        raise ParameterError("brief", brief.id, "texts without NUL characters", "Leave them out.")
    await asked(router, router.store.create, brief, who=_who(request, data.who), why=data.reason)
    return view(router, await find_row(router, brief.id))


@post(
    "/api/experiments/{experiment_id:str}/{action:str}",
    status_code=200,
    opt={"scope": "admin"},
    responses=problems(404, 409, 422, 503),
    tags=["experiments"],
    summary="Start, pause, resume, complete, archive or force a winner",
)
async def act(
    request: RouterRequest, experiment_id: FromPath[str], action: FromPath[str], data: JSONBody[ActionBody]
) -> ExperimentStanding:
    """Change the state of an experiment; the reason goes into its history."""
    router: Router = request.app.state.router
    verb = next((known for known in ACTIONS if known == action), None)
    if verb is None:
        raise NotFoundException(f"{action!r} is no action. Use one of {', '.join(ACTIONS)}.")
    who = _who(request, data.who)
    await asked(router, router.store.change, experiment_id, verb, who=who, why=data.reason, winner=data.arm)
    await asked(router, router.refresh)
    return view(router, await find_row(router, experiment_id))


@post(
    "/api/forget",
    status_code=200,
    opt={"scope": "admin"},
    responses=problems(422, 503),
    tags=["experiments"],
    summary="Forget a user",
)
async def forget_user(request: RouterRequest, data: JSONBody[ForgetBody]) -> dict[str, int]:
    """Take a user out of what is stored; sums that the rewards went into stay as they are."""
    router: Router = request.app.state.router
    user_id, user_key = str(data.user_id), router.secrets.user_key
    key, why = user_key(user_id), label("reason", data.reason, user_id, user_key)
    await to_thread(router.log.flush)
    router.engine.memory.forget(key)
    done = await asked(router, forget, router.database, key, who=_who(request, data.who), why=why)
    return done._asdict()


def view(router: Router, row: ExperimentRow) -> ExperimentStanding:
    """Say how an experiment stands, with its live allocation."""
    live = router.engine.experiments.get(row.id)
    return standing(row.brief, row.state, row.winner, row.revision, live, brief_hash=row.brief_hash)


def _who(request: RouterRequest, said: str) -> str:
    """Who it is, for the audit log: the API key's name, or where none is needed, what the caller says."""
    return caller_of(request.scope).key_name or said


async def asked(
    router: Router, work: Callable[Params, Result], *args: Params.args, **kwargs: Params.kwargs
) -> Result:
    """Have the store do something, in a thread.

    Raises:
        LiveError: The store refuses, or is away.
    """
    with refusals_in_words(router.database):
        return await to_thread(work, *args, **kwargs)


async def find_row(router: Router, experiment_id: str) -> ExperimentRow:
    """Read an experiment from the store.

    Raises:
        UnknownExperiment: There is none of that name.
    """
    return await asked(router, router.store.row, experiment_id)
