"""Signed decision ids, the users' keys, and the secrets that both come from.

A decision id as clients see it is a token `d1.PERIOD.PAYLOAD.MAC` that carries the whole decision, so that
its reward can be verified, and the decision written again if a crash lost it, without another look anywhere.

| part | holds |
|---|---|
| `d1` | version of the format |
| PERIOD | day since 1970 (UTC) on which the decision was made |
| PAYLOAD | the fields of `Decision`: numbers and the length of each text, then the texts; base64, URL-safe |
| MAC | keyed BLAKE2b of the three parts before it, as they are written; 18 bytes in base64, URL-safe |

The key of a day is derived from a signing secret and the day, so that keys rotate by themselves; to replace
the secret, put the new one first and keep the old one until its decisions have expired. The MAC is taken over
the characters and compared as characters: no other spelling of the same bytes is accepted. The payload is
signed, not hidden: whoever holds a token can read it. The users' secret must not change while an experiment
runs, for with it all users would become new ones.

Source: RFC 7693, "The BLAKE2 Cryptographic Hash and Message Authentication Code".
"""

from __future__ import annotations

import json
import os
import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from secrets import compare_digest, randbits, token_urlsafe
from struct import Struct, error
from tempfile import NamedTemporaryFile
from typing import Any

from armlift.errors import DataFileError, ForgedDecision, ParameterError
from armlift.experiments.log_rows import Decision

SECRETS_FILE = Path("data", "live", "secrets.json")
SHORTEST_SECRET = 32  # characters
LONGEST_CONTEXT = 2048  # bytes of JSON
LONGEST_TEXT = 255  # characters of any other field

_DAY = 86_400_000_000  # microseconds
_NUMBERS = Struct(">QdqB7BH")  # time, propensity, version, flags, lengths of seven texts and of the context
_LONGEST_TOKEN = 16_384  # above what the longest fields can make
_LONGEST_PERIOD = 9  # digits
_REMEMBERED_DAYS = 64

_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's alphabet, which is in ASCII order
_PAIRS = tuple(first + second for first in _BASE32 for second in _BASE32)
_SHIFTS = tuple(range(120, -1, -10))


@dataclass(frozen=True)
class Secrets:
    """What is known to the routers of an installation alone.

    Attributes:
        signing: Secrets for decision ids, the newest first: it signs, all of them verify.
        users: Secret from which users' keys are made.
    """

    signing: tuple[str, ...] = field(repr=False)
    users: str = field(repr=False)

    def user_key(self, user_id: str) -> str:
        """Give the key under which a user is known on disk: 32 hexadecimal characters.

        Without the secret it cannot be traced back, not even by trying all ids.
        """
        keyed = self._keyed.copy()
        keyed.update(user_id.encode("utf-8", "surrogatepass"))
        return keyed.hexdigest()

    @cached_property
    def _keyed(self) -> blake2b:
        return blake2b(key=_derived(self.users, b"armlift-users"), digest_size=16)


class DecisionSigner:
    """Makes decisions into tokens and tokens into decisions.

    Args:
        secrets: Its `signing` secrets are used.

    Raises:
        ParameterError: There is no signing secret.

    Example:
        >>> signer = DecisionSigner(Secrets(signing=("a long secret",), users="another"))
        >>> decision = Decision("01J", 1_790_000_000_000_000, "films", "fixed", "svd", 0.5, 1, "f00d")
        >>> token = signer.sign(decision)
        >>> token.startswith("d1.20717."), signer.verify(token) == decision
        (True, True)
    """

    def __init__(self, secrets: Secrets) -> None:
        if not secrets.signing:
            raise ParameterError("secrets.signing", (), "one secret or more", _REMEDY)
        self._roots = tuple(_derived(secret, b"armlift-decision") for secret in secrets.signing)
        self._of_days: dict[bytes, tuple[blake2b, ...]] = {}

    def sign(self, decision: Decision) -> str:
        """Give the token of a decision: ASCII, URL-safe, some 250 characters.

        Raises:
            ParameterError: A field is longer than the format holds, or a number out of its bound.
        """
        signed = b"d1.%d.%b" % (decision.ts // _DAY, _packed(decision))
        period = signed[3 : signed.index(b".", 3)]
        return (signed + b"." + _mac(self._keys(period)[0], signed)).decode("ascii")

    def verify(self, token: str) -> Decision:
        """Give the decision that a token carries, exactly as it was signed.

        Raises:
            ForgedDecision: The token was not made with one of the secrets, or was changed since.
        """
        if not token.isascii() or len(token) > _LONGEST_TOKEN:
            raise ForgedDecision(token, "is not a signed decision")
        signed, _, mac = token.encode("ascii").rpartition(b".")
        version, _, rest = signed.partition(b".")
        period, _, payload = rest.partition(b".")
        if version != b"d1" or not period.isdigit() or len(period) > _LONGEST_PERIOD:
            raise ForgedDecision(token, "is not a signed decision")
        if not any(compare_digest(mac, _mac(key, signed)) for key in self._keys(period)):
            raise ForgedDecision(token)
        return _unpacked(payload)

    def _keys(self, period: bytes) -> tuple[blake2b, ...]:
        """MACs that have taken in the keys of a day; remembered for some days, whatever strangers ask for."""
        keys = self._of_days.get(period)
        if keys is None:
            days = (blake2b(period, key=root, person=b"armlift-day").digest() for root in self._roots)
            keys = tuple(blake2b(key=day, digest_size=18, person=b"armlift-mac") for day in days)
            if len(self._of_days) >= _REMEMBERED_DAYS:
                self._of_days.clear()
            self._of_days[period] = keys
        return keys


def _derived(secret: str, purpose: bytes) -> bytes:
    return blake2b(secret.encode("utf-8", "surrogatepass"), person=purpose).digest()


def _mac(key: blake2b, signed: bytes) -> bytes:
    mac = key.copy()
    mac.update(signed)
    return urlsafe_b64encode(mac.digest())  # 18 bytes are 24 characters without padding


def _packed(decision: Decision) -> bytes:
    (
        decision_id,
        ts,
        experiment_id,
        strategy_id,
        arm_id,
        propensity,
        version,
        user_key,
        session_id,
        context,
        simulated,
        bot_flag,
        flag_reasons,
    ) = decision
    texts = (decision_id, experiment_id, strategy_id, arm_id, user_key, session_id, flag_reasons, context)
    try:
        if len(context) * 4 > LONGEST_CONTEXT:
            _check_context(context)
        numbers = _NUMBERS.pack(ts, propensity, version, simulated | bot_flag << 1, *map(len, texts))
    except error:
        raise _out_of_bound(decision) from None
    return urlsafe_b64encode(numbers + "".join(texts).encode("utf-8", "surrogatepass")).rstrip(b"=")


def _unpacked(payload: bytes) -> Decision:
    raw = urlsafe_b64decode(payload + b"==")
    ts, propensity, version, flags, *lengths = _NUMBERS.unpack_from(raw)
    decision_id, experiment_id, strategy_id, arm_id, user_key, session_id, flag_reasons, context = _cut(
        raw[_NUMBERS.size :].decode("utf-8", "surrogatepass"), lengths
    )
    return Decision(
        decision_id,
        ts,
        experiment_id,
        strategy_id,
        arm_id,
        propensity,
        version,
        user_key,
        session_id,
        context,
        bool(flags & 1),
        bool(flags & 2),
        flag_reasons,
    )


def _cut(text: str, lengths: Sequence[int]) -> Iterator[str]:
    start = 0
    for length in lengths:
        yield text[start : start + length]
        start += length


def _check_context(context: str) -> None:
    size = len(context.encode("utf-8", "surrogatepass"))
    if size > LONGEST_CONTEXT:
        raise ParameterError(
            "context", f"{size} bytes", f"at most {LONGEST_CONTEXT} bytes", "Send what the policies need."
        )


def _out_of_bound(decision: Decision) -> ParameterError:
    for name, value in decision._asdict().items():
        if isinstance(value, str) and name != "context" and len(value) > LONGEST_TEXT:
            bound = f"at most {LONGEST_TEXT} characters"
            return ParameterError(name, f"{len(value)} characters", bound, "Send a shorter one.")
    numbers = (decision.ts, decision.propensity, decision.allocation_version)
    return ParameterError(
        "ts, propensity, allocation_version", numbers, "64-bit numbers, the time not below 0", "Check them."
    )


def new_id(now_us: int, rng: random.Random | None = None) -> str:
    """Make an id that is unique and sorts by time: a ULID of 26 characters.

    It has 48 bits of milliseconds and 80 random bits in Crockford's base32. Ids of one millisecond are in no
    order among themselves.

    Args:
        now_us: The time, microseconds UTC.
        rng: Source of the random bits; the operating system's if None.

    Example:
        >>> new_id(1_790_000_000_000_000, random.Random(1))
        '01M3250V00V3RS3DTR98H6BCFN'
    """
    bits = (now_us // 1000) << 80 | (randbits(80) if rng is None else rng.getrandbits(80))
    return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])


_REMEDY = "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"


def load_secrets(root: Path, mode: str, environ: Mapping[str, str] = os.environ) -> Secrets:
    """Read the secrets from ARMLIFT_SECRET (newest first, comma-separated) and ARMLIFT_USER_SECRET.

    In development, what they do not give comes from `data/live/secrets.json`, which is made at the first
    start and readable by its owner alone.

    Args:
        root: Root of the project.
        mode: `development`, or where it is served.
        environ: The environment.

    Raises:
        ParameterError: A secret is too short, or missing outside development.
        DataFileError: The file is damaged.
    """
    signing = tuple(filter(None, map(str.strip, environ.get("ARMLIFT_SECRET", "").split(","))))
    users = environ.get("ARMLIFT_USER_SECRET", "").strip()
    for name, each in (*(("ARMLIFT_SECRET", secret) for secret in signing), ("ARMLIFT_USER_SECRET", users)):
        if each and len(each) < SHORTEST_SECRET:
            bound = f"at least {SHORTEST_SECRET} characters"
            raise ParameterError(name, f"{len(each)} characters", bound, _REMEDY)
    if signing and users:
        return Secrets(signing, users)
    if mode != "development":
        missing = "ARMLIFT_USER_SECRET" if signing else "ARMLIFT_SECRET"
        bound = f"a secret of {SHORTEST_SECRET} characters or more where MODE is {mode}"
        raise ParameterError(missing, "", bound, _REMEDY)
    kept = _kept_secrets(root / SECRETS_FILE)
    return Secrets(signing or kept.signing, users or kept.users)


def _kept_secrets(file: Path) -> Secrets:
    """The file's secrets; of several processes that make it at once, all read the first one's."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=file.parent, encoding="utf-8") as written:  # mode 0600
            made = {"signing": [token_urlsafe(32)], "users": token_urlsafe(32)}
            json.dump(made, written)
            written.flush()
            os.fsync(written.fileno())
            with suppress(FileExistsError):
                os.link(written.name, file)  # unlike a rename it leaves a file that is there already
    try:
        kept: Any = json.loads(file.read_text(encoding="utf-8"))
        return Secrets(tuple(map(str, kept["signing"])), str(kept["users"]))
    except (ValueError, KeyError, TypeError):
        remedy = "Delete it, and the next start makes a new one; users and open decisions are then new ones."
        raise DataFileError(f"{file} holds no secrets. {remedy}") from None
