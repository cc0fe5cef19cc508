"""Data sets: MovieLens and a generated sample, checked on reading, and their splits."""

from armlift.datasets.fingerprint import fingerprint
from armlift.datasets.loading import load_dataset
from armlift.datasets.sample import Sample, generate_sample
from armlift.datasets.schema import Dataset
from armlift.datasets.sources import SOURCES, Source
from armlift.datasets.splits import (
    Split,
    WorldSplit,
    k_fold_splits,
    leave_one_out_split,
    per_user_temporal_split,
    random_split,
    temporal_split,
    world_split,
)
from armlift.datasets.validation import OnBadRows

__all__ = [
    "SOURCES",
    "Dataset",
    "OnBadRows",
    "Sample",
    "Source",
    "Split",
    "WorldSplit",
    "fingerprint",
    "generate_sample",
    "k_fold_splits",
    "leave_one_out_split",
    "load_dataset",
    "per_user_temporal_split",
    "random_split",
    "temporal_split",
    "world_split",
]
