"""`/api/experiments`: the life of experiments, and how they stand."""

from __future__ import annotations

from asyncio import to_thread
from typing import Annotated, Any

import msgspec
from litestar import delete, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody

from armlift.experiments.brief import Brief
from armlift.experiments.life_cycle import ACTIONS, possible_actions
from armlift.serving.problems import problems
from armlift.serving.router import Router
from armlift.serving.routes.choose import RouterRequest
from armlift.storage import ExperimentRow, forget

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class ArmView(msgspec.Struct, frozen=True):
    """An arm, over all strategies: rewards counted, their mean, and the share of users it gets now."""

    id: str
    label: str
    n: int
    reward: float | None
    allocation: float


class StrategyArmView(msgspec.Struct, frozen=True):
    """An arm in one strategy."""

    id: str
    decisions: int
    n: int
    reward: float | None
    allocation: float


class StrategyView(msgspec.Struct, frozen=True):
    """A strategy: its share of the users, and how it allocates them now."""

    id: str
    allocation: str
    share: float
    version: int
    arms: list[StrategyArmView]


class ExperimentView(msgspec.Struct, frozen=True):
    """An experiment as it stands."""

    id: str
    state: str
    objective: str
    control: str
    winner: str | None
    brief_hash: str
    revision: int
    actions: list[str]
    strategies: list[StrategyView]
    arms: list[ArmView]


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

    experiment: ExperimentView
    brief: dict[str, Any]
    audit: list[AuditView]


class CreateBody(msgspec.Struct, forbid_unknown_fields=True):
    """A brief and why it is run."""

    brief: dict[str, Any]
    reason: Reason = "created through the API"
    who: Annotated[str, msgspec.Meta(max_length=64)] = "api"


class ActionBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why, and for `force` the arm that wins."""

    reason: Reason
    arm: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    who: Annotated[str, msgspec.Meta(max_length=64)] = "api"


@get(
    "/api/experiments",
    opt={"scope": "read"},
    responses=problems(),
    tags=["experiments"],
    summary="List",
)
async def list_experiments(request: RouterRequest) -> list[ExperimentView]:
    """List all experiments, the first created first."""
    router: Router = request.app.state.router
    rows = await to_thread(router.store.rows)
    return [view(router, row) for row in rows]


@get(
    "/api/experiments/{experiment_id:str}",
    opt={"scope": "read"},
    responses=problems(404),
    tags=["experiments"],
    summary="One, with brief and history",
)
async def show_experiment(request: RouterRequest, experiment_id: FromPath[str]) -> ExperimentDetails:
    """Show an experiment, what was declared for it, and every change it went through."""
    router: Router = request.app.state.router
    row = await find_row(router, experiment_id)
    audit = await to_thread(router.store.audit, experiment_id)
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
    responses=problems(422),
    tags=["experiments"],
    summary="Create from a brief",
)
async def create_experiment(request: RouterRequest, data: JSONBody[CreateBody]) -> ExperimentView:
    """Create an experiment in the state `draft`."""
    router: Router = request.app.state.router
    brief = Brief.model_validate(data.brief)
    await to_thread(router.store.create, brief, who=data.who, why=data.reason)
    return view(router, await find_row(router, brief.id))


@post(
    "/api/experiments/{experiment_id:str}/{action:str}",
    status_code=200,
    opt={"scope": "admin"},
    responses=problems(404, 409, 422),
    tags=["experiments"],
    summary="Start, pause, resume, complete, archive or force a winner",
)
async def act(
    request: RouterRequest, experiment_id: FromPath[str], action: FromPath[str], data: JSONBody[ActionBody]
) -> ExperimentView:
    """Change the state of an experiment; the reason goes into its history."""
    router: Router = request.app.state.router
    verb = next((known for known in ACTIONS if known == action), None)
    if verb is None:
        raise NotFoundException(f"{action!r} is no action. Use one of {', '.join(ACTIONS)}.")
    await to_thread(router.store.change, experiment_id, verb, who=data.who, why=data.reason, winner=data.arm)
    await to_thread(router.refresh)
    return view(router, await find_row(router, experiment_id))


@delete(
    "/api/users/{user_id:str}",
    status_code=200,
    opt={"scope": "admin"},
    responses=problems(),
    tags=["experiments"],
    summary="Forget a user",
)
async def forget_user(request: RouterRequest, user_id: FromPath[str]) -> dict[str, int]:
    """Delete what is stored of a user; sums that the rewards went into stay as they are."""
    router: Router = request.app.state.router
    key = router.secrets.user_key(user_id)
    await to_thread(router.log.flush)
    router.engine.memory.forget(key)
    done = await to_thread(forget, router.database, key, who="api", why="asked for through the API")
    return done._asdict()


def view(router: Router, row: ExperimentRow) -> ExperimentView:
    """Put an experiment into the words of the API, with its live allocation."""
    live = router.engine.experiments.get(row.brief.id)
    strategies = []
    for declared in row.brief.strategies:
        now = live.strategy(declared.id) if live else None
        arms = [
            StrategyArmView(
                arm,
                now.sums[index].decisions if now else 0,
                now.sums[index].rewards if now else 0,
                _mean(now.sums[index].rewards, now.sums[index].total) if now else None,
                now.probabilities[index] if now else row.brief.weights(declared)[index],
            )
            for index, arm in enumerate(row.brief.arms)
        ]
        strategies.append(
            StrategyView(declared.id, declared.allocation, declared.share, now.version if now else 0, arms)
        )
    return ExperimentView(
        row.brief.id,
        row.state,
        row.brief.objective,
        row.brief.control,
        row.winner,
        row.brief.content_hash,
        row.revision,
        list(possible_actions(row.state)),
        strategies,
        [_arm(row, strategies, index) for index in range(len(row.brief.arms))],
    )


def _arm(row: ExperimentRow, strategies: list[StrategyView], index: int) -> ArmView:
    variant, cells = row.brief.variants[index], [strategy.arms[index] for strategy in strategies]
    n = sum(cell.n for cell in cells)
    total = sum(cell.n * (cell.reward or 0.0) for cell in cells)
    if row.state == "running":
        shares = [strategy.share for strategy in row.brief.strategies]
        allocation = sum(share * cell.allocation for share, cell in zip(shares, cells, strict=True))
    else:
        settled = row.winner if row.state == "completed" and row.winner else row.brief.control
        allocation = float(variant.id == settled)
    return ArmView(variant.id, variant.description or variant.id, n, _mean(n, total), allocation)


def _mean(n: int, total: float) -> float | None:
    return total / n if n else None


async def find_row(router: Router, experiment_id: str) -> ExperimentRow:
    """Read an experiment from the store.

    Raises:
        UnknownExperiment: There is none of that name.
    """
    return await to_thread(router.store.row, experiment_id)
