"""Parameters of the tests' tiny world, and a policy from outside."""

from armlift.bandits import Policy
from armlift.pipelines.parameters import TrainingParameters

TRAINING = TrainingParameters(
    recommenders={"popularity": {}, "random": {}, "svd": {"n_epochs": 5}}, slate_size=5
)
CLICKS = {"click_rate": 0.2, "taste_weight": 0.5, "examination_decay": 0.7}


class PlugIn(Policy):
    """A policy of somebody else's: it has no rule for the fused loop."""

    id = "plug_in"

    def weights(self, state):
        hopes = (state.total + 1.0) / (state.n + 2.0)
        return hopes / hopes.sum(axis=1, keepdims=True)
