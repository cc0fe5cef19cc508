"""Who may use the dashboard: users with passwords, kept as hashes, and their roles."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

from armlift.errors import ParameterError

Role = Literal["viewer", "operator"]

_N, _R, _P = 2**14, 8, 1  # scrypt: about 50 ms and 16 MB a guess
_NAME = re.compile(r"[^\s:]{1,64}")
_SHORTEST: Final = 10


class User(NamedTuple):
    """Someone who may sign in.

    Attributes:
        name: Name.
        role: `viewer` may look, `operator` may change experiments too.
        hashed: Hash of the password.
    """

    name: str
    role: Role
    hashed: str


def hash_password(password: str) -> str:
    """Hash a password with a salt of its own (scrypt; RFC 7914).

    Raises:
        ParameterError: It is shorter than 10 letters.
    """
    if len(password) < _SHORTEST:
        raise ParameterError("password", "...", f"{_SHORTEST} letters or more", "Choose a longer one.")
    salt = secrets.token_bytes(16)
    return f"scrypt${base64.b64encode(salt).decode()}${base64.b64encode(_scrypt(password, salt)).decode()}"


def is_password(password: str, hashed: str) -> bool:
    """Whether a password is the one that was hashed.

    Example:
        >>> is_password("correct horse", hash_password("correct horse"))
        True
    """
    _, salt, digest = hashed.split("$")
    return hmac.compare_digest(_scrypt(password, base64.b64decode(salt)), base64.b64decode(digest))


def read_users(file: Path) -> dict[str, User]:
    """Read the users of a file: a line `name:role:hash` for each.

    Raises:
        ParameterError: The file is missing, or a line is not of that kind.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError:
        remedy = "Add a user: python -m dashboard add-user NAME --role operator."
        raise ParameterError("DASHBOARD_USERS", str(file), "a file that can be read", remedy) from None
    users = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, role, hashed = (*line.split(":"), "", "")[:3]
        if not _NAME.fullmatch(name) or role not in get_args(Role) or hashed.count("$") != 2:
            raise ParameterError(
                "DASHBOARD_USERS", f"{file}, line {number}", "name:role:hash", "Add the user again."
            )
        users[name] = User(name, role, hashed)  # type: ignore[arg-type]
    return users


def add_user(file: Path, name: str, role: Role, password: str) -> None:
    """Write a user into a file that only its owner may read; one of that name is replaced.

    Raises:
        ParameterError: Name or password is out of bounds.
    """
    if not _NAME.fullmatch(name):
        raise ParameterError("name", name, "1 to 64 letters without spaces and colons", "Choose another.")
    users = read_users(file) if file.exists() else {}
    users[name] = User(name, role, hash_password(password))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text("".join(f"{':'.join(user)}\n" for user in users.values()), "utf-8")


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_N, r=_R, p=_P, maxmem=2**26, dklen=32)
