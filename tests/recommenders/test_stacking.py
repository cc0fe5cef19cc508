import numpy as np
import pytest

from armlift.recommenders.stacking import Choice, choice_weights


def drawn_choices(weights: list[float], n_users: int) -> list[Choice]:
    rng = np.random.default_rng(5)
    choices = []
    for _ in range(n_users):
        features = rng.normal(size=(8, len(weights)))
        odds = np.exp(features @ weights)
        choices.append(Choice(features, np.arange(8) == rng.choice(8, p=odds / odds.sum())))
    return choices


def test_weights_are_those_of_a_conditional_logit() -> None:
    from statsmodels.discrete.conditional_models import ConditionalLogit

    choices = drawn_choices([0.8, 0.3, 1.5], n_users=200)
    reference = ConditionalLogit(
        np.concatenate([choice.liked for choice in choices]).astype(float),
        np.concatenate([choice.features for choice in choices]),
        groups=np.repeat(np.arange(200), 8),
    ).fit(disp=False)
    np.testing.assert_allclose(choice_weights(choices, 1e-9), reference.params, atol=1e-3)


def test_weights_that_would_be_negative_are_zero() -> None:
    harmful, useful = choice_weights(drawn_choices([-1.0, 1.0], n_users=100), 1.0)
    assert harmful == 0
    assert useful > 0.5


def test_every_user_counts_alike_however_much_they_liked() -> None:
    narrow = Choice(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([True, False]))
    broad = Choice(np.repeat([[0.0, 1.0], [1.0, 0.0]], 40, axis=0), np.repeat([True, False], 40))
    one, other = choice_weights([narrow, broad], 1.0)
    assert one == pytest.approx(other, abs=1e-4)
