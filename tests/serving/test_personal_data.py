import json

import pytest

from armlift.errors import ParameterError
from armlift.serving.personal_data import context_json, label


def key(text: str) -> str:
    return f"<{text.upper()}>"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("anna-7", "<ANNA-7>"),
        ("seen by anna-7, twice", "seen by <ANNA-7>, twice"),
        ("/users/anna-7/films", "/users/<ANNA-7>/films"),
        ("anna-77 xanna-7", "anna-77 xanna-7"),
        ("write to Jo.Doe+x@mail.example.com!", "write to <JO.DOE+X@MAIL.EXAMPLE.COM>!"),
        ("jo%40example.com", "<JO@EXAMPLE.COM>"),
        ("from 192.0.2.17:8080", "from <192.0.2.17>:8080"),
        ("[2001:db8::1]", "[<2001:DB8::1>]"),
        ("at 12:30:45, version 1.2.3", "at 12:30:45, version 1.2.3"),
        ("2026-11-21T12:30:45Z", "2026-11-21T12:30:45Z"),
        ("films::drama", "films::drama"),
    ],
)
def test_texts_lose_the_person_and_nothing_else(text: str, kept: str) -> None:
    assert label("session_id", text, "anna-7", key) == kept
    assert json.loads(context_json({"a": [{"b": text}]}, "anna-7", key)) == {"a": [{"b": kept}]}
    assert json.loads(context_json({text: 1}, "anna-7", key)) == {kept: 1}


def test_ids_of_urls_are_found() -> None:
    assert label("session_id", "/users/%ED%99%8D%20a/1", "홍 a", key) == "/users/<홍 A>/1"


def test_short_and_small_ids_are_no_words() -> None:
    assert label("item_id", "42", "42", key) == "42"
    assert label("item_id", "the ab", "ab", key) == "the ab"
    assert context_json({"age": 42, "film": "318"}, "42", key) == '{"age":42,"film":"318"}'
    assert context_json({"a": 1234567, "b": True}, "1234567", key) == '{"a":"<1234567>","b":true}'


@pytest.mark.parametrize("name", ["user_id", "userId", "targetingKey", "E-Mail", "ip", "User-Agent"])
def test_names_of_persons_have_hashes(name: str) -> None:
    assert json.loads(context_json({name: 42}, "anna", key)) == {name: "<42>"}
    assert json.loads(context_json({"x": {name: "Jo Doe"}}, "anna", key)) == {"x": {name: "<JO DOE>"}}
    assert context_json({name: None}, "anna", key) == f'{{"{name}":null}}'


def test_equal_ones_stay_equal() -> None:
    first, second = (context_json({"mail": "Jo"}, user, key) for user in ("anna", "berta"))
    assert first == second


def test_what_cannot_be_stored_is_refused() -> None:
    deep: object = 1
    for _ in range(500):
        deep = [deep]
    for context in ({"a": "x" * 2048}, {"a\0": 1}, {"a": ["\0"]}):
        with pytest.raises(ParameterError, match="context"):
            context_json(context, "anna", key)
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ParameterError, match="a deep object"):
        context_json({"a": deep}, "anna", key)
    with pytest.raises(ParameterError, match="item_id"):
        label("item_id", "a\0", "anna", key)


def test_empty_ones_are_empty() -> None:
    assert context_json({}, "anna", key) == "{}"
    assert label("device", "", "anna", key) == ""
