import pytest

from armlift.bandits import POLICIES, ThompsonSampling, create_policy
from armlift.errors import ParameterError


@pytest.mark.parametrize("policy_id", POLICIES)
def test_every_policy_carries_the_id_it_is_listed_by(policy_id):
    policy = create_policy(policy_id, floor=0.05, min_pulls=3)
    assert policy.id == policy_id
    assert (policy.floor, policy.min_pulls) == (0.05, 3)


@pytest.mark.parametrize("policy_id", POLICIES)
def test_every_policy_has_a_rule_for_the_fused_loop(policy_id):
    rule = create_policy(policy_id, floor=0.05).rule(4)
    assert rule is not None
    assert rule.floor == 0.05
    assert len(rule.weights) == 4


def test_parameters_reach_the_policy():
    policy = create_policy("thompson_window", window=120, prior=(2, 3))
    assert isinstance(policy, ThompsonSampling)
    assert (policy.window, policy.prior, policy.model) == (120, (2.0, 3.0), "bernoulli")
    assert create_policy("thompson_discounted", discount=0.9).discount == 0.9
    assert create_policy("thompson_gaussian").model == "gaussian"


def test_unknown_id_names_the_known_ones():
    with pytest.raises(ParameterError, match=r"policy = 'tompson'.*one of fixed, .*thompson_window"):
        create_policy("tompson")


@pytest.mark.parametrize("policy_id", POLICIES)
def test_unknown_argument_is_named(policy_id):
    with pytest.raises(
        ParameterError, match=f"policies.{policy_id} = .*'epsilom': 0.1.*unexpected.*'epsilom'"
    ):
        create_policy(policy_id, epsilom=0.1)


@pytest.mark.parametrize(
    ("policy_id", "parameters", "becomes"),
    [
        ("thompson", {"window": 10}, "thompson_window"),
        ("thompson", {"discount": 0.9}, "thompson_discounted"),
        ("thompson", {"model": "gaussian"}, "thompson_gaussian"),
        ("thompson_gaussian", {"model": "bernoulli"}, "thompson"),
        ("thompson_discounted", {"discount": 1.0}, "thompson"),
        ("thompson_window", {"window": None}, "thompson"),
    ],
)
def test_parameters_that_make_another_policy_are_refused(policy_id, parameters, becomes):
    with pytest.raises(ParameterError, match=f"what keeps it {policy_id}. These make it {becomes}"):
        create_policy(policy_id, **parameters)


def test_a_parameter_outside_its_bound_keeps_its_own_message():
    with pytest.raises(ParameterError, match=r"epsilon = 1\.5: must satisfy 0 <= epsilon <= 1"):
        create_policy("epsilon_greedy", epsilon=1.5)
