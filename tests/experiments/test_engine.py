import random

import pytest

from armlift.errors import (
    ExpiredDecision,
    ForgedDecision,
    MismatchedDecision,
    ParameterError,
    UnknownExperiment,
)
from armlift.experiments.allocation import Sums, live_experiment
from armlift.experiments.brief import Brief
from armlift.experiments.engine import Engine, Visitor
from armlift.experiments.log_rows import Event
from armlift.experiments.signing import DecisionSigner, Secrets
from armlift.experiments.sticky_memory import StickyMemory

from .test_allocation import BRIEF

SECRETS = Secrets(signing=("s" * 40,), users="u" * 40)
NOW = 1_790_000_000_000_000
MINUTE = 60_000_000
ARRIVED = Event("", "", NOW, NOW, "", "", "", None, None, "", "", "550", None, "")


NOTHING = (Sums(),) * 3


def running(state="running", sums=NOTHING, **changes):
    return live_experiment(Brief(**{**BRIEF, **changes}), state, None, {"bandit": 1}, {"bandit": sums})


def engine(*experiments, seed=1, limit=1000):
    made = Engine(DecisionSigner(SECRETS), StickyMemory(limit), random.Random(seed))
    made.replace(experiments or (running(),))
    return made


def engine_of_nothing():
    return Engine(DecisionSigner(SECRETS), StickyMemory(), random.Random(1))


def visitor(user="7", **fields):
    return Visitor(user, SECRETS.user_key(user), **fields)


def decided(made, user="7", **fields):
    live = made.experiment()
    someone = visitor(user, **fields)
    return made.decide(live, made.propose(live, someone).assignment, someone, NOW)


def test_the_first_running_experiment_is_the_default():
    made = engine(running("hold", id="paused"), running(id="second"), running(id="third"))
    assert made.experiment().id == "second"
    assert made.experiment("paused").id == "paused"
    with pytest.raises(UnknownExperiment, match=r"Choose one of paused, second, third"):
        made.experiment("unheard")
    assert engine(running("completed", id="done"), running("hold")).experiment().id == "films"
    with pytest.raises(UnknownExperiment, match="none is running"):
        engine_of_nothing().experiment()


def test_a_sticky_bandit_asks_the_memory_and_recalls():
    made = engine(running(strategies=[{"id": "bandit", "allocation": "thompson"}]))
    live, someone = made.experiment(), visitor()
    proposal = made.propose(live, someone)
    assert proposal.is_new
    made.memory.keep(live.id, someone.user_key, proposal.assignment)
    assert all(made.propose(live, someone) == (proposal.assignment, False) for _ in range(50))


def test_the_remembered_propensity_is_that_of_the_moment_it_was_drawn():
    bandit = [{"id": "bandit", "allocation": "thompson"}]
    made = engine(running(strategies=bandit))
    live, someone = made.experiment(), visitor()
    first = made.propose(live, someone).assignment
    made.memory.keep(live.id, someone.user_key, first)
    learned = (Sums(90, 90, 1.0, 1.0), Sums(90, 90, 60.0, 60.0), Sums(90, 90, 2.0, 2.0))
    made.replace([running(strategies=bandit, sums=learned)])
    again = made.propose(made.experiment(), someone).assignment
    assert again == first
    assert again.propensity != made.experiment().strategy("bandit").probabilities[1]


def test_a_bandit_that_is_not_sticky_draws_anew():
    bandit = [{"id": "bandit", "allocation": "thompson"}]
    made = engine(running(strategies=bandit, quality={"sticky": False}))
    arms = {made.propose(made.experiment(), visitor()).assignment.arm_id for _ in range(100)}
    assert arms == set(BRIEF["variants"])


def test_a_signed_id_brings_the_whole_decision_back():
    made = engine()
    decision, token = decided(made, session_id="s1", context='{"device":"mobile"}', flag_reasons="crawler")
    assert made.decision(token) == decision
    assert made.decision(token, decision.user_key, decision.arm_id) == decision
    assert (decision.bot_flag, decision.flag_reasons, decision.ts) == (True, "crawler", NOW)


def test_an_id_is_for_its_user_and_its_arm_only():
    made = engine()
    decision, token = decided(made)
    with pytest.raises(MismatchedDecision, match="user_id") as caught:
        made.decision(token, SECRETS.user_key("8"))
    assert decision.user_key not in str(caught.value)
    with pytest.raises(MismatchedDecision, match="arm = 'nothing'"):
        made.decision(token, None, "nothing")
    with pytest.raises(ForgedDecision):
        made.decision(token[:-1] + ("A" if token[-1] != "A" else "B"))


def test_a_reward_takes_everything_from_its_decision():
    made = engine()
    decision, _ = decided(made, session_id="s1", simulated=True)
    reward = made.reward(decision, ARRIVED, 1.0)
    row = reward.event
    assert reward.counted
    assert (row.event_id, row.decision_id, row.event_type, row.reward) == (
        f"{decision.decision_id}-r",
        decision.decision_id,
        "reward",
        1.0,
    )
    assert (row.strategy_id, row.arm_id, row.propensity, row.allocation_version) == decision[3:7]
    assert (row.item_id, row.session_id, row.simulated, row.user_key) == (
        "550",
        "s1",
        True,
        decision.user_key,
    )


def test_late_rewards_are_kept_and_not_counted():
    made = engine(running(reward_window_minutes=10))
    decision, _ = decided(made)
    in_time, late = NOW + 10 * MINUTE, NOW + 10 * MINUTE + 1
    assert made.reward(decision, ARRIVED._replace(ts_server=in_time), 1.0).counted
    made.check_in_time(decision, in_time)
    reward = made.reward(decision, ARRIVED._replace(ts_server=late), 1.0)
    assert (reward.counted, reward.event.flag_reasons) == (False, "late")
    assert reward.event.event_id == f"{decision.decision_id}-l"  # the default reward's place stays free
    with pytest.raises(ExpiredDecision, match="rewards count for 600 s"):
        made.check_in_time(decision, late)


@pytest.mark.parametrize("flags", ["decision", "event"])
def test_flagged_rewards_are_kept_and_not_counted(flags):
    made = engine()
    decision, _ = decided(made, flag_reasons="crawler" if flags == "decision" else "")
    event = ARRIVED._replace(bot_flag=True, flag_reasons="headless") if flags == "event" else ARRIVED
    reward = made.reward(decision, event, 1.0)
    assert (reward.counted, reward.event.bot_flag) == (False, True)
    assert reward.event.flag_reasons == ("crawler" if flags == "decision" else "headless")


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_bernoulli_policy_takes_rewards_between_0_and_1(value):
    made = engine()
    with pytest.raises(ParameterError, match="reward = "):
        made.reward(decided(made)[0], ARRIVED, value)


def test_other_policies_take_any_finite_reward():
    made = engine(running(strategies=[{"id": "bandit", "allocation": "thompson_gaussian"}]))
    decision, _ = decided(made)
    assert made.reward(decision, ARRIVED, -12.5).event.reward == -12.5
    with pytest.raises(ParameterError, match="finite"):
        made.reward(decision, ARRIVED, float("nan"))


def test_a_reward_for_an_experiment_that_is_gone_is_refused():
    made = engine()
    decision, _ = decided(made)
    made.replace([])
    with pytest.raises(UnknownExperiment, match="films"):
        made.reward(decision, ARRIVED, 1.0)
