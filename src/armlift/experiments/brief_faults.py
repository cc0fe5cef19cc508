"""What is wrong with a brief, all at once and in plain words."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from contextlib import suppress
from difflib import get_close_matches
from types import SimpleNamespace
from typing import Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from armlift.errors import Fault


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A suggestion where a word resembles a known one, and else the list of them."""
    names = list(known)
    close = get_close_matches(str(word), names, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"choose one of {', '.join(names)}"


def in_words(error: ValidationError, kind: type[BaseModel]) -> list[Fault]:
    """Translate pydantic's errors.

    Args:
        error: What validating a document as `kind` raised.
        kind: The model.
    """
    return [Fault(_place(each["loc"]), _message(each, kind)) for each in error.errors() if not _echo(each)]


def _echo(error: Any) -> bool:
    """Whether a list only counts as too short because its items have faults, which are told by themselves."""
    return bool(error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"])


def _place(location: tuple[int | str, ...]) -> str:
    path = "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in location if step != "[key]"
    )
    return path.removeprefix(".")


def _message(error: Any, kind: type[BaseModel]) -> str:
    given, context = error["input"], error.get("ctx", {})
    bounds = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    match error["type"]:
        case "missing":
            return "is missing; a brief must state it"
        case "extra_forbidden":
            return f"is not known here; {did_you_mean(error['loc'][-1], _fields_at(kind, error['loc'][:-1]))}"
        case "literal_error":
            known = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            return f"is {given!r}, which is not known; {did_you_mean(given, known)}"
        case type_ if type_ in bounds:
            bound = bounds[type_]
            return f"is {given!r}; must be {signs[bound]} {context[bound]:g}"
        case "too_short":
            return f"has {context['actual_length']}; at least {context['min_length']} are needed"
        case "model_type" | "model_attributes_type" if error["loc"] == ("primary_metric",):
            return "must be exactly one metric, with its fields id, kind, baseline and mde"
        case "model_type" | "model_attributes_type":
            return f"is {reprlib.repr(given)}; must be a mapping of fields to values"
        case "string_pattern_mismatch":
            return f"is {given!r}; must begin with a letter and go on with letters, digits and any of _ . -"
        case "string_too_short":
            return "is empty; say it in words"
        case "string_type":
            return f"is {given!r}; must be text (in YAML put it into quotes)"
        case "finite_number":
            return f"is {given!r}; must be a finite number"
        case _:
            message = error["msg"].removeprefix("Input ").removeprefix("Value error, ")
            return f"is {reprlib.repr(given)}; {message[0].lower()}{message[1:]}"


def _fields_at(kind: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Names of the fields of the part at a location."""
    for step in location:
        if isinstance(step, str):
            part = _part_of(kind.model_fields[step].annotation)
            assert part is not None
            kind = part
    return list(kind.model_fields)


def _part_of(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation such as `tuple[Model, ...]`, if there is one."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation if issubclass(annotation, BaseModel) else None
    return next(filter(None, map(_part_of, get_args(annotation))), None)


def sound_parts(kind: type[BaseModel], document: Any) -> Any:
    """What of a document is valid by itself.

    Args:
        kind: The model that the document should be.
        document: What was given.

    Returns:
        The valid fields as attributes, parts and lists of parts likewise; what is not valid is absent.
    """
    if not isinstance(document, dict):
        return SimpleNamespace()
    sound = SimpleNamespace()
    for name, field in kind.model_fields.items():
        if name not in document:
            if not field.is_required():
                setattr(sound, name, field.get_default())
            continue
        part, value = _part_of(field.annotation), document[name]
        several = get_origin(field.annotation) is tuple
        with suppress(ValidationError):
            if part and several and isinstance(value, list | tuple):
                setattr(sound, name, [_sound_part(part, each) for each in value])
            elif part and not several and isinstance(value, dict):
                setattr(sound, name, _sound_part(part, value))
            else:
                setattr(sound, name, TypeAdapter(field.rebuild_annotation()).validate_python(value))
    return sound


def _sound_part(kind: type[BaseModel], value: Any) -> Any:
    with suppress(ValidationError):
        return kind.model_validate(value)
    return sound_parts(kind, value)
