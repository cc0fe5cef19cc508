"""Recommenders: what each arm of a movie experiment shows."""

from armlift.recommenders.base import Recommender
from armlift.recommenders.registry import available_recommenders, create_recommender, load_recommender

__all__ = ["Recommender", "available_recommenders", "create_recommender", "load_recommender"]
