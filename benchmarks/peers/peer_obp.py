"""Open Bandit Pipeline: `BernoulliTS.select_action` and `update_params`, one call of each for a decision.

The policy's own `batch_size` holds updates back until a batch is full. obp has no call that draws a batch.
"""

from collections.abc import Sequence

from obp.policy import BernoulliTS
from replicates import main, reward_draws


def play(means: Sequence[float], horizon: int, batch: int, seed: int) -> list[int]:
    """Play one replicate and count the pulls of each arm."""
    policy = BernoulliTS(n_actions=len(means), batch_size=batch, random_state=seed)
    pulls = [0] * len(means)
    for draw in reward_draws(seed, horizon).tolist():
        arm = policy.select_action()[0]
        policy.update_params(arm, draw < means[arm])
        pulls[arm] += 1
    return pulls


if __name__ == "__main__":
    main(play)
