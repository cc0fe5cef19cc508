"""OpenFeature in Python against the live router: `pip install armlift[openfeature]`."""

from armlift.openfeature.provider import ArmliftProvider

__all__ = ["ArmliftProvider"]
