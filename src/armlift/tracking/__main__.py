"""Print the URI of the MLflow store of the current folder's project, created if need be.

`mlflow ui --backend-store-uri "$(python -m armlift.tracking)"` shows what Kedro logged.
"""

import sys
from pathlib import Path

from armlift.tracking import ensure_store

if __name__ == "__main__":
    sys.stdout.write(f"{ensure_store(Path.cwd())}\n")
