"""How an experiment stands, in the words of the HTTP API: for its answers, and for the command line."""

from __future__ import annotations

from dataclasses import dataclass

from armlift.experiments.allocation import LiveExperiment, Sums
from armlift.experiments.brief import Brief
from armlift.experiments.life_cycle import State, possible_actions


@dataclass(frozen=True)
class StrategyArm:
    """An arm in one strategy.

    Attributes:
        id: The arm.
        decisions: Decisions that count.
        n: Rewards that count.
        reward: Their mean; None without any.
        allocation: Probability of being chosen now.
    """

    id: str
    decisions: int
    n: int
    reward: float | None
    allocation: float


@dataclass(frozen=True)
class StrategyStanding:
    """A strategy.

    Attributes:
        id: Name.
        allocation: Policy, such as `thompson`.
        share: Share of the users.
        version: Of its allocation.
        arms: In the brief's order.
    """

    id: str
    allocation: str
    share: float
    version: int
    arms: tuple[StrategyArm, ...]


@dataclass(frozen=True)
class ArmStanding:
    """An arm over all strategies.

    Attributes:
        id: The arm.
        label: What users see of it.
        n: Rewards that count.
        reward: Their mean; None without any.
        allocation: Share of the users who get it now.
    """

    id: str
    label: str
    n: int
    reward: float | None
    allocation: float


@dataclass(frozen=True)
class ExperimentStanding:
    """An experiment.

    Attributes:
        id: Its id.
        state: Where it is in its life.
        objective: What it is for.
        control: Arm that the others must beat.
        winner: Arm that was declared the winner; None if none was.
        brief_hash: SHA-256 of the brief's canonical JSON.
        revision: Changes by an administrator so far.
        actions: What its state allows.
        strategies: In the brief's order.
        arms: In the brief's order.
    """

    id: str
    state: State
    objective: str
    control: str
    winner: str | None
    brief_hash: str
    revision: int
    actions: tuple[str, ...]
    strategies: tuple[StrategyStanding, ...]
    arms: tuple[ArmStanding, ...]


def standing(
    brief: Brief,
    state: State,
    winner: str | None,
    revision: int,
    live: LiveExperiment | None,
    *,
    brief_hash: str | None = None,
) -> ExperimentStanding:
    """Say how an experiment stands.

    Args:
        brief: What was declared.
        state: Where it is in its life.
        winner: Arm that was declared the winner.
        revision: Changes by an administrator so far.
        live: Its live form; None if it was never started, or is archived.
        brief_hash: Hash of the brief as it was stored; the brief's own if None.
    """
    strategies = []
    for declared in brief.strategies:
        now = live.strategy(declared.id) if live else None
        sums = now.sums if now else (Sums(),) * len(brief.arms)
        probabilities = now.probabilities if now else brief.weights(declared)
        arms = tuple(
            StrategyArm(arm, of.decisions, of.rewards, _mean(of.rewards, of.total), probability)
            for arm, of, probability in zip(brief.arms, sums, probabilities, strict=True)
        )
        version = now.version if now else 0
        strategies.append(StrategyStanding(declared.id, declared.allocation, declared.share, version, arms))
    settled = winner if state == "completed" and winner else brief.control
    return ExperimentStanding(
        brief.id,
        state,
        brief.objective,
        brief.control,
        winner,
        brief_hash or brief.content_hash,
        revision,
        possible_actions(state),
        tuple(strategies),
        tuple(
            _over_strategies(brief, index, strategies, None if state == "running" else settled)
            for index in range(len(brief.arms))
        ),
    )


def _over_strategies(
    brief: Brief, index: int, strategies: list[StrategyStanding], settled: str | None
) -> ArmStanding:
    variant, cells = brief.variants[index], [strategy.arms[index] for strategy in strategies]
    n = sum(cell.n for cell in cells)
    total = sum(cell.n * (cell.reward or 0.0) for cell in cells)
    allocation = float(variant.id == settled)
    if settled is None:
        allocation = sum(
            strategy.share * cell.allocation for strategy, cell in zip(strategies, cells, strict=True)
        )
    return ArmStanding(variant.id, variant.description or variant.id, n, _mean(n, total), allocation)


def _mean(n: int, total: float) -> float | None:
    return total / n if n else None
