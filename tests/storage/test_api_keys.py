import time

import pytest

from armlift.errors import ParameterError
from armlift.storage.api_keys import create_key, list_keys, load_keys, revoke_key
from armlift.storage.audit import audit_rows
from armlift.storage.schema import metadata

SECRET = "the secret of this installation ........"


def create(database, name="shop", *scopes, secret=SECRET):
    return create_key(database, secret, name, scopes or ("decide", "reward"), who="ada", why="the shop opens")


def test_a_key_is_found_by_itself_alone(database):
    made, key = create(database)
    other, other_key = create(database, "dashboard", "read")
    ring = load_keys(database, SECRET)
    assert ring.find(key) == made
    assert ring.find(other_key) == other
    assert made.scopes == ("decide", "reward")
    for wrong in ("", key[:-1], key + "x", key.upper(), made.key_id, "ключ", "\ud800"):
        assert ring.find(wrong) is None
    assert load_keys(database, SECRET[:-1]).find(key) is None


def test_keys_are_long_different_and_end_in_their_id(database):
    made = [create(database, f"shop {number}") for number in range(20)]
    keys = [key for _, key in made]
    assert len(set(keys)) == 20
    assert all(key.startswith("al_") and len(key) == 54 and key.isascii() for key in keys)
    assert all(key.endswith(known.key_id) for known, key in made)


def test_the_store_holds_no_key(database):
    _, key = create(database)
    with database.read() as connection:
        content = [str(row) for table in metadata.sorted_tables for row in connection.execute(table.select())]
    secret_part = key[3:46]
    assert content
    assert not any(secret_part in row for row in content)


def test_a_revoked_key_is_kept_and_refused(database):
    made, key = create(database)
    ring = load_keys(database, SECRET)
    revoked = revoke_key(database, "shop", who="bob", why="leaked")
    assert revoked == made._replace(revoked_ts=revoked.revoked_ts)
    assert abs(revoked.revoked_ts / 1e6 - time.time()) < 10
    assert ring.find(key) == made, "until the keys are loaded again"
    assert load_keys(database, SECRET).find(key) is None
    assert list_keys(database) == (revoked,)
    with pytest.raises(ParameterError, match="key = 'shop': must satisfy a key, and there is none"):
        revoke_key(database, "shop", who="bob")
    again, _ = create(database)
    assert list_keys(database) == (revoked, again)
    assert revoke_key(database, again.key_id, who="bob").key_id == again.key_id


def test_keys_are_in_the_audit_log(database):
    made, _ = create(database)
    revoke_key(database, "shop", who="bob", why="leaked")
    assert [(row.action, row.who, row.why, row.details) for row in audit_rows(database, "")] == [
        (action, who, why, f'{{"key_id":"{made.key_id}","name":"shop","scopes":["decide","reward"]}}')
        for action, who, why in (("create_key", "ada", "the shop opens"), ("revoke_key", "bob", "leaked"))
    ]


@pytest.mark.parametrize(
    ("name", "scopes", "words"),
    [
        (" ", ["read"], "name = '': must satisfy 1 to 64 characters"),
        ("x" * 65, ["read"], "1 to 64 characters"),
        ("shop", [], "one or more of decide, reward, read, admin"),
        ("shop", ["read", "write"], "scope = 'read,write'"),
        ("taken", ["read"], "name = 'taken': must satisfy a name that no key has"),
    ],
)
def test_what_cannot_be_a_key_is_refused(database, name, scopes, words):
    create(database, "taken")
    with pytest.raises(ParameterError, match=words):
        create_key(database, SECRET, name, scopes, who="ada")
    assert len(list_keys(database)) == 1
