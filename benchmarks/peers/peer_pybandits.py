"""PyBandits: `SmabBernoulli.predict(n_samples=batch)` and `update`, both of which take a whole batch."""

from collections.abc import Sequence

from pybandits.model import Beta
from pybandits.smab import SmabBernoulli
from replicates import main, reward_draws


def play(means: Sequence[float], horizon: int, batch: int, seed: int) -> list[int]:
    """Play one replicate and count the pulls of each arm."""
    probabilities = {str(arm): mean for arm, mean in enumerate(means)}
    policy = SmabBernoulli(actions={arm: Beta() for arm in probabilities}, random_seed=seed)
    pulls = dict.fromkeys(probabilities, 0)
    draws = reward_draws(seed, horizon).tolist()
    for start in range(0, horizon, batch):
        pending = draws[start : start + batch]
        arms, _ = policy.predict(n_samples=len(pending))
        rewards = [int(draw < probabilities[arm]) for arm, draw in zip(arms, pending, strict=True)]
        policy.update(actions=arms, rewards=rewards)
        for arm in arms:
            pulls[arm] += 1
    return list(pulls.values())


if __name__ == "__main__":
    main(play)
