"""The file of best hyper-parameters, from the tuning to whoever trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from armlift.errors import ParameterError


def read_tuned(file: Path) -> dict[str, dict[str, Any]]:
    """Read the best hyper-parameters that a tuning wrote.

    Args:
        file: YAML: hyper-parameters by recommender.

    Returns:
        Hyper-parameters by recommender.

    Raises:
        ParameterError: There is no such file, or something else in it.
    """
    import yaml

    try:
        tuned = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        tuned = None
    if not isinstance(tuned, dict) or not all(isinstance(params, dict) for params in tuned.values()):
        raise ParameterError(
            "training.tuned",
            str(file),
            "a file of hyper-parameters by recommender",
            "`kedro run --pipelines=tune` writes one; null trains without.",
        )
    return tuned
