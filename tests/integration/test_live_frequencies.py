"""The live path draws as often as it says, and learns what the simulator would learn."""

import random
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from armlift.bandits import create_policy
from armlift.experiments.allocation import LiveExperiment, Sums, bandit_state, live_experiment
from armlift.experiments.brief import Brief, load_brief
from armlift.experiments.engine import Engine, Visitor
from armlift.experiments.log_rows import Event, Reward
from armlift.experiments.signing import DecisionSigner, Secrets
from armlift.experiments.sticky_memory import StickyMemory
from armlift.storage.database import open_database
from armlift.storage.experiments import ExperimentStore
from armlift.storage.ledger import commit
from armlift.storage.schema import metadata

BRIEF = Path(__file__).parents[2] / "conf" / "base" / "briefs" / "movielens.yml"
CLICK_RATES = (0.10, 0.05, 0.11, 0.12, 0.105)
SECRETS = Secrets(signing=("signs decisions in this test alone",), users="hashes users in this test alone")
BLANK = Event("", "", 0, 0, "", "", "", None, None, "", "", "", None, "")
START = 1_790_000_000_000_000  # microseconds UTC


class LiveWorld:
    """Users who visit once, and sums that are refreshed as often as the router does at 10,000 a second."""

    def __init__(self, brief: Brief, seed: int, refresh_every: int = 1000) -> None:
        self.brief, self._refresh_every = brief, refresh_every
        self._rng = random.Random(seed)
        self.engine = Engine(DecisionSigner(SECRETS), StickyMemory(), random.Random(seed + 1))
        self.sums = {strategy.id: [[0, 0, 0.0, 0.0] for _ in brief.arms] for strategy in brief.strategies}
        self.rewards: list[Reward] = []
        self.visits = 0
        self.refresh()

    @property
    def experiment(self) -> LiveExperiment:
        return self.engine.experiment(self.brief.id)

    def refresh(self) -> None:
        sums = {name: [Sums(*arm) for arm in arms] for name, arms in self.sums.items()}
        versions = dict.fromkeys(sums, self.visits)
        self.engine.replace([live_experiment(self.brief, "running", None, versions, sums)])

    def visit(self) -> tuple[str, int, float]:
        """One user is decided for and rewards; strategy, arm and the propensity in the signed id."""
        now, user = START + 100 * self.visits, f"user {self.visits}"
        experiment = self.experiment
        visitor = Visitor(user, SECRETS.user_key(user))
        assignment = self.engine.propose(experiment, visitor).assignment
        _, token = self.engine.decide(experiment, assignment, visitor, now)
        decision = self.engine.decision(token, visitor.user_key, assignment.arm_id)
        arm = self.brief.arms.index(decision.arm_id)
        value = float(self._rng.random() < CLICK_RATES[arm])
        reward = self.engine.reward(decision, BLANK._replace(ts=now, ts_server=now), value)
        assert reward.counted
        sums = self.sums[decision.strategy_id][arm]
        for place, change in enumerate((1, 1, value, value * value)):
            sums[place] += change
        self.rewards.append(reward)
        self.visits += 1
        if self.visits % self._refresh_every == 0:
            self.refresh()
        return decision.strategy_id, arm, decision.propensity


def chi_square(surplus: np.ndarray, covariance: np.ndarray) -> float:
    """p-value of observed minus expected counts; the last arm follows from the others."""
    kept = surplus[:-1]
    statistic = kept @ np.linalg.solve(covariance[:-1, :-1], kept)
    return float(stats.chi2.sf(statistic, len(kept)))


@pytest.mark.slow
def test_decisions_are_drawn_as_often_as_their_propensities_say(at_length: bool) -> None:
    world = LiveWorld(load_brief(BRIEF), seed=20240501)
    names = [strategy.id for strategy in world.brief.strategies]
    arms = len(world.brief.arms)
    surplus = {name: np.zeros(arms) for name in names}
    covariance = {name: np.zeros((arms, arms)) for name in names}
    inverse = {name: np.zeros((2, arms)) for name in names}  # sums of 1 / p and of 1 / p - 1
    for _ in range(1000 if at_length else 100):
        allocation = {name: np.array(world.experiment.strategy(name).probabilities) for name in names}
        drawn = {name: np.zeros(arms) for name in names}
        for _ in range(1000):
            name, arm, propensity = world.visit()
            assert propensity == allocation[name][arm]
            drawn[name][arm] += 1
        world.rewards.clear()
        for name, p in allocation.items():
            total = drawn[name].sum()
            surplus[name] += drawn[name] - total * p
            covariance[name] += total * (np.diag(p) - np.outer(p, p))
            inverse[name] += np.array([drawn[name] / p - total, total * (1 / p - 1)])
    visits = {name: sum(arm[0] for arm in world.sums[name]) for name in names}
    shares = [strategy.share for strategy in world.brief.strategies]
    # Seven tests on one seed, which is fixed: a right program fails none of them, whatever the machine.
    assert stats.chisquare(list(visits.values()), np.multiply(shares, world.visits)).pvalue > 0.001
    for name in names:
        assert chi_square(surplus[name], covariance[name]) > 0.001
        # By the log alone: each arm's decisions, weighted by 1 / propensity, stand for all visits.
        weighted, variance = inverse[name]
        assert np.abs(weighted / np.sqrt(variance)).max() < stats.norm.isf(0.001 / arms)
    probabilities = world.experiment.strategy("thompson").probabilities
    assert max(probabilities) > 0.5, "the posterior moved"
    assert min(probabilities) == pytest.approx(0.05), "down to the floor"


def test_the_live_posterior_is_the_simulators_for_the_same_rewards(tmp_path: Path) -> None:
    world = LiveWorld(load_brief(BRIEF), seed=7, refresh_every=100)
    policy = create_policy("thompson", floor=0.05)
    state = policy.initial_state(len(world.brief.arms))
    with open_database(f"sqlite:///{tmp_path / 'live.db'}", exclusive=True) as database:
        with database.begin() as connection:
            metadata.create_all(connection)
        store = ExperimentStore(database)
        store.create(world.brief, who="test")
        store.change(world.brief.id, "start", who="test")
        for _ in range(50):
            for _ in range(100):
                world.visit()
            with database.begin() as connection:
                commit(connection, world.rewards)
            for reward in world.rewards:
                if reward.decision.strategy_id == "thompson":
                    arm, value = world.brief.arms.index(reward.decision.arm_id), reward.event.reward
                    state = policy.update(state, np.array([arm]), np.array([value]))
            world.rewards.clear()
        learned = store.live({}).changed[world.brief.id, "thompson"].sums
    stored = bandit_state(learned)
    for name in ("n", "total", "squares", "observed", "pending", "time"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(state, name), err_msg=name)
    live = world.experiment.strategy("thompson")
    assert live.sums == learned
    assert live.probabilities == tuple(policy.allocation(state)[0].tolist())
