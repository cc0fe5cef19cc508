"""Nodes that say what they do, where Kedro-Viz shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import node
from kedro.pipeline.node import Node
from kedro.pipeline.preview_contract import TextPreview


def described(function: Callable[..., Any], inputs: str | list[str], outputs: str | list[str] | None) -> Node:
    """A node named after its function, with the first line of its docstring as preview."""
    line = (function.__doc__ or "").split("\n", 1)[0]
    return node(
        function, inputs, outputs, name=function.__name__, preview_fn=lambda: TextPreview(content=line)
    )
