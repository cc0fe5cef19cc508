"""The commands' MLflow store: the one of the tests of `tracking`."""

from tracking.conftest import (  # noqa: F401
    arms,
    evaluate,
    history,
    registered_template,
    registry,
)
