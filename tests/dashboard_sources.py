"""What a dashboard reads from, for tests."""

from pathlib import Path

from armlift.environment import RouterSettings
from dashboard.sources import Sources

PROJECT = Path(__file__).parents[1]
NO_ROUTER = "http://127.0.0.1:9"


def sources_of(root: Path) -> Sources:
    """What the dashboard of a project reads from; no router answers."""
    return Sources(root, RouterSettings.from_environment(root, {"API_BASE_URL": NO_ROUTER}))
