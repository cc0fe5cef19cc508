"""Kedro's settings of the project."""

import warnings

from armlift.hooks import RunHooks

# Kedro and kedro-mlflow cause this several times on every command, and no user can mend it.
warnings.filterwarnings("ignore", message="register_new_resolver", category=UserWarning)
# Previews of nodes are new in Kedro; without them Kedro-Viz would still show the code.
warnings.filterwarnings("ignore", message="The 'preview_fn' feature is experimental")

HOOKS = (RunHooks(),)
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # Not Kedro's default, by which one value in conf/local, or one `--params` beside any, replaces its block.
    "merge_strategy": {"parameters": "soft"},
}
