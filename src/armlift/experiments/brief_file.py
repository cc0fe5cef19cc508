"""Reading of a document in YAML or JSON, with the line of what cannot be read."""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from armlift.errors import BriefError, Fault


class _Loader(yaml.SafeLoader):
    """YAML as ever, but a key that stands twice is a fault: else the last one would win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            problem = None
            if not isinstance(key, yaml.ScalarNode):
                problem = "a key must be a name"
            elif key.value in seen:
                problem = f"`{key.value}` stands in line {seen[key.value]} already"
            if problem:
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen[key.value] = key.start_mark.line + 1
        return super().construct_mapping(node, deep)


def read_document(path: Path) -> dict[str, Any]:
    """Read the mapping that a file holds.

    Args:
        path: The file; `.json` is read as JSON, everything else as YAML.

    Raises:
        BriefError: It cannot be opened, is not UTF-8, has a syntax error or a key twice, or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        document = _from_json(text) if path.suffix.lower() == ".json" else yaml.load(text, _Loader)
    except OSError as error:
        raise _fault(path, "", f"cannot be opened: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _fault(path, "", f"is not UTF-8 text: byte {error.start} cannot be read") from error
    except json.JSONDecodeError as error:
        raise _fault(path, f"line {error.lineno}, column {error.colno}", error.msg) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise _fault(path, where, str(error.problem or error.context)) from error
    except (yaml.YAMLError, _TwiceError) as error:
        raise _fault(path, "", str(error)) from error
    if not isinstance(document, dict):
        kind = "empty" if document is None else f"a {type(document).__name__}"
        raise _fault(path, "", f"is {kind}; a brief is a mapping of fields to values")
    return document


class _TwiceError(ValueError):
    """A key of a JSON object stands twice."""


def _from_json(text: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise _TwiceError(f"`{twice[0]}` stands twice in one object")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=unique)


def _fault(path: Path, where: str, message: str) -> BriefError:
    return BriefError([Fault(where, message)], source=str(path))
