"""What a router notes of what it shows."""

import pandas as pd
from patience import until

from armlift.storage import NEW_USER, ServedModel, deployments_of, write_slates

from .api_client import api


def test_what_is_shown_and_since_when_is_noted_at_every_swap(tmp_path):
    def publish(version):
        """Slates of one film, of a version of one model."""
        films = pd.DataFrame({"item_id": [7], "title": "Alien", "year": [1979], "genres": "Horror"})
        table = pd.DataFrame({"arm": "svd", "user_id": NEW_USER, "position": [0], "item_id": 7})
        write_slates(tmp_path / "data/live/slates", table, films, {"svd": ServedModel("svd", version)})

    with api(tmp_path) as client:
        for version in (3, 4):
            publish(version)
            assert until(lambda wanted=version - 2: len(deployments_of(client.router.database)) == wanted)
        noted = deployments_of(client.router.database)
        assert [(row.arm_id, row.model_name, row.model_version) for row in noted] == [
            ("svd", "svd", 3),
            ("svd", "svd", 4),
        ]
        assert noted[0].ts < noted[1].ts
