"""API keys: shown once when they are made, and kept as keyed hashes.

A key reads `al_`, 43 random characters, and its id: 8 characters which tell keys apart in lists. The hash is
keyed with a secret of the installation: who reads the store can neither use a key nor try guesses.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from secrets import token_hex, token_urlsafe
from typing import Literal, NamedTuple, cast, get_args

from sqlalchemy import insert, select, update

from armlift.errors import ParameterError
from armlift.storage.audit import AuditRow, record
from armlift.storage.database import Database
from armlift.storage.schema import api_keys

Scope = Literal["decide", "reward", "read", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
LONGEST_NAME = 64  # characters


class ApiKey(NamedTuple):
    """What is known of a key.

    Attributes:
        key_id: The last 8 characters of the key.
        name: What it is for.
        scopes: What it may do, in the order of `SCOPES`.
        created_ts: When it was made, microseconds UTC.
        revoked_ts: When it was revoked; None while it holds.
    """

    key_id: str
    name: str
    scopes: tuple[Scope, ...]
    created_ts: int
    revoked_ts: int | None


@dataclass(frozen=True)
class KeyRing:
    """All keys that hold, in memory.

    Attributes:
        keys: By hash.
    """

    keys: Mapping[bytes, ApiKey]
    _empty: blake2b = field(repr=False)

    def find(self, key: str) -> ApiKey | None:
        """Give what is known of a key; None if there is none, or it was revoked. Takes a microsecond."""
        return self.keys.get(_hash(self._empty, key))


def load_keys(database: Database, secret: str) -> KeyRing:
    """Read all keys that hold; a router does it again every second or so, to notice new and revoked ones.

    Args:
        database: The store.
        secret: The installation's; with another one no key is known.
    """
    query = select(*_COLUMNS, api_keys.c.key_hash).where(api_keys.c.revoked_ts.is_(None))
    with database.read() as connection:
        rows = connection.execute(query).all()
    return KeyRing({bytes.fromhex(row[-1]): _api_key(row[:-1]) for row in rows}, _keyed(secret))


def create_key(
    database: Database, secret: str, name: str, scopes: Iterable[str], *, who: str, why: str = ""
) -> tuple[ApiKey, str]:
    """Make a key.

    Args:
        database: The store.
        secret: The installation's.
        name: What it is for: it stands in the audit log as who did something.
        scopes: What it may do, one or more of `SCOPES`.
        who: Name of who makes it, for the audit log.
        why: Reason, for the audit log.

    Returns:
        What is known of it, and the key itself, which cannot be read again.

    Raises:
        ParameterError: The name is empty, too long or taken by a key that holds, or a scope is none.
    """
    name, wanted = name.strip(), set(scopes)
    if not 0 < len(name) <= LONGEST_NAME:
        raise ParameterError("name", name, f"1 to {LONGEST_NAME} characters", "Say what the key is for.")
    if not wanted or not wanted <= set(SCOPES):
        bound = f"one or more of {', '.join(SCOPES)}"
        raise ParameterError("scope", ",".join(sorted(wanted)), bound, "Give each by --scope.")
    made = ApiKey(token_hex(4), name, tuple(scope for scope in SCOPES if scope in wanted), _now(), None)
    key = f"al_{token_urlsafe(32)}{made.key_id}"
    row = {**made._asdict(), "scopes": ",".join(made.scopes), "key_hash": _hash(_keyed(secret), key).hex()}
    taken = select(api_keys.c.key_id).where(api_keys.c.name == name, api_keys.c.revoked_ts.is_(None))
    with database.begin() as connection:
        if connection.scalar(taken) is not None:
            raise ParameterError(
                "name", name, "a name that no key has", "Revoke that one, or choose another."
            )
        connection.execute(insert(api_keys), row)
        record(connection, _audit_row("create_key", made, who, why))
    return made, key


def list_keys(database: Database) -> tuple[ApiKey, ...]:
    """Give all keys, revoked ones too, the oldest first."""
    query = select(*_COLUMNS).order_by(api_keys.c.created_ts, api_keys.c.key_id)
    with database.read() as connection:
        return tuple(_api_key(tuple(row)) for row in connection.execute(query))


def revoke_key(database: Database, name_or_id: str, *, who: str, why: str = "") -> ApiKey:
    """Revoke a key; routers refuse it as soon as they load the keys again.

    Args:
        database: The store.
        name_or_id: Its name or id.
        who: Name of who does it, for the audit log.
        why: Reason, for the audit log.

    Raises:
        ParameterError: No key of that name or id holds.
    """
    holds = api_keys.c.revoked_ts.is_(None)
    named = (api_keys.c.name == name_or_id) | (api_keys.c.key_id == name_or_id)
    with database.begin() as connection:
        row = connection.execute(select(*_COLUMNS).where(holds, named).with_for_update()).first()
        if row is None:
            known = connection.scalars(select(api_keys.c.name).where(holds).order_by(api_keys.c.name)).all()
            bound = f"one of {', '.join(known)}" if known else "a key, and there is none"
            raise ParameterError("key", name_or_id, bound, "See `armlift keys list`.")
        revoked = _api_key(tuple(row))._replace(revoked_ts=_now())
        this = api_keys.c.key_id == revoked.key_id
        connection.execute(update(api_keys).where(this).values(revoked_ts=revoked.revoked_ts))
        record(connection, _audit_row("revoke_key", revoked, who, why))
    return revoked


_COLUMNS = [api_keys.c[name] for name in ApiKey._fields]


def _api_key(row: tuple[object, ...]) -> ApiKey:
    key_id, name, scopes, created, revoked = cast(tuple[str, str, str, int, int | None], row)
    return ApiKey(key_id, name, cast(tuple[Scope, ...], tuple(scopes.split(","))), created, revoked)


def _audit_row(action: str, key: ApiKey, who: str, why: str) -> AuditRow:
    details = json.dumps(
        {"key_id": key.key_id, "name": key.name, "scopes": key.scopes}, separators=(",", ":")
    )
    return AuditRow(_now(), "", action, "", "", who, why, details=details)


def _keyed(secret: str) -> blake2b:
    root = blake2b(secret.encode(), digest_size=32, person=b"armlift-keys").digest()
    return blake2b(key=root, digest_size=32)


def _hash(empty: blake2b, key: str) -> bytes:
    digest = empty.copy()
    digest.update(key.encode("utf-8", "surrogatepass"))
    return digest.digest()


def _now() -> int:
    return time.time_ns() // 1000
