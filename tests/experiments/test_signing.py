import json
import math
import random
import stat
import struct
import subprocess
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from armlift.errors import DataFileError, ForgedDecision, ParameterError
from armlift.experiments.log_rows import Decision
from armlift.experiments.signing import (
    LONGEST_CONTEXT,
    LONGEST_TEXT,
    SECRETS_FILE,
    DecisionSigner,
    Secrets,
    load_secrets,
    new_id,
)

NOW = 1_790_000_000_123_456
DAY = 86_400_000_000
SECRET, OLDER, USERS = ("first-" * 8, "older-" * 8, "users-" * 8)
SIGNER = DecisionSigner(Secrets((SECRET,), USERS))
DECISION = Decision(
    decision_id=new_id(NOW, random.Random(1)),
    ts=NOW,
    experiment_id="movielens",
    strategy_id="thompson",
    arm_id="svd",
    propensity=0.1 + 0.2,
    allocation_version=7,
    user_key="f00d" * 8,
    session_id="s-1",
    context='{"device":"mobile"}',
    bot_flag=True,
    flag_reasons="crawler,burst_user",
)
OTHER = SIGNER.sign(DECISION._replace(arm_id="random"))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

any_text = st.text(st.characters(exclude_categories=()), max_size=LONGEST_TEXT)  # lone surrogates too
decisions = st.builds(
    Decision,
    decision_id=any_text,
    ts=st.integers(0, 2**63 - 1),
    experiment_id=any_text,
    strategy_id=any_text,
    arm_id=any_text,
    propensity=st.floats(allow_nan=False),
    allocation_version=st.integers(-(2**63), 2**63 - 1),
    user_key=any_text,
    session_id=any_text,
    context=st.text(max_size=LONGEST_CONTEXT // 4),
    simulated=st.booleans(),
    bot_flag=st.booleans(),
    flag_reasons=any_text,
)


@given(decisions)
@example(DECISION._replace(session_id="\ud83d", context="\ude00"))  # halves of a pair in neighbouring fields
@example(DECISION._replace(propensity=-0.0, context="x" * LONGEST_CONTEXT))
def test_every_field_comes_back_exactly(decision):
    back = SIGNER.verify(SIGNER.sign(decision))
    assert back == decision
    assert struct.pack("d", back.propensity) == struct.pack("d", decision.propensity)
    assert list(map(type, back)) == list(map(type, decision))


def test_a_token_is_url_safe_and_names_the_day():
    version, period, payload, mac = SIGNER.sign(DECISION).split(".")
    assert (version, int(period)) == ("d1", NOW // DAY)
    assert set(payload + mac) <= set(ALPHABET)
    assert len(urlsafe_b64decode(mac)) >= 16


@given(st.lists(any_text, min_size=8, max_size=8), st.data())
def test_no_two_decisions_share_a_token(texts, data):
    fields = (
        "decision_id",
        "experiment_id",
        "strategy_id",
        "arm_id",
        "user_key",
        "session_id",
        "flag_reasons",
    )
    decision = DECISION._replace(**dict(zip(fields, texts, strict=False)))
    first, second = data.draw(st.permutations(range(6)))[:2]
    moved = decision._replace(**{fields[first]: texts[second], fields[second]: texts[first]})
    assert (SIGNER.sign(moved) == SIGNER.sign(decision)) == (moved == decision)


def mutated(token, rng):
    """One of many ways to change a token; sometimes the token itself."""
    version, period, payload, mac = token.split(".")
    place = rng.randrange(len(token))
    match rng.randrange(16):
        case 0:  # another character of the alphabet, anywhere
            return token[:place] + rng.choice(ALPHABET) + token[place + 1 :]
        case 1:  # any other character, anywhere
            return (
                token[:place]
                + chr(rng.choice([rng.randrange(128), rng.randrange(0xD7FF)]))
                + token[place + 1 :]
            )
        case 2:
            return token[:place]
        case 3:
            return token[place:]
        case 4:
            return token + "".join(rng.choices(ALPHABET + "=. \n\0", k=rng.randint(1, 5)))
        case 5:
            return token[:place] + rng.choice(ALPHABET + "=. \n") + token[place:]
        case 6:
            return token[:place] + token[place].swapcase() + token[place + 1 :]
        case 7:
            return rng.choice([token.upper(), token.lower(), token.swapcase(), f" {token}", f"{token}\n"])
        case 8:  # the last characters of either part, where base64 has bits to spare
            part = rng.choice([2, 3])
            parts = [version, period, payload, mac]
            parts[part] = parts[part][:-1] + rng.choice(ALPHABET)
            return ".".join(parts)
        case 9:
            padding = "=" * rng.randint(1, 4)
            return rng.choice([f"{token}{padding}", f"{version}.{period}.{payload}{padding}.{mac}"])
        case 10:
            parts = [version, period, payload, mac]
            rng.shuffle(parts)
            return ".".join(parts)
        case 11:  # another period, or the same one in other words
            other = str(int(period) + rng.randint(-400, 400))
            other = rng.choice([other, f"0{period}", f"+{period}", f"{period}_", ""])
            return f"{version}.{other}.{payload}.{mac}"
        case 12:
            return f"{rng.choice(['d0', 'd2', 'D1', 'd1.', 'd', '', 'd01'])}.{period}.{payload}.{mac}"
        case 13:  # a bit of the payload's bytes
            raw = bytearray(urlsafe_b64decode(payload + "=="))
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
            return f"{version}.{period}.{urlsafe_b64encode(raw).decode().rstrip('=')}.{mac}"
        case 14:  # a bit of the MAC, or a shorter one
            raw = bytearray(urlsafe_b64decode(mac + "=="))
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
            return f"{version}.{period}.{payload}.{urlsafe_b64encode(raw[: rng.randint(0, 18)]).decode()}"
        case _:  # parts of another token
            pairs = zip(token.split("."), OTHER.split("."), strict=True)
            return rng.choice([".".join(map(rng.choice, pairs)), OTHER + token, f"{OTHER}.{token}"])


def test_no_mutated_token_is_accepted():
    rng = random.Random(1)
    tried, accepted = 0, []
    while tried < 100_000:
        decision = DECISION._replace(session_id="s" * rng.randint(0, 5), ts=rng.randrange(2**60))
        token = SIGNER.sign(decision)
        candidate = mutated(token, rng)
        if candidate in (token, OTHER):
            continue
        tried += 1
        with suppress(ForgedDecision):
            accepted.append((candidate, SIGNER.verify(candidate)))
    assert not accepted
    assert SIGNER.verify(OTHER) == DECISION._replace(arm_id="random")


@given(st.text(max_size=300))
@example("d1.1." + "9" * 5000)
@example("d1." + "9" * 5000 + ".a.b")
@example("d1.²." + "a.b")
@example("...")
def test_any_text_is_refused_and_nothing_else_happens(text):
    for token in (text, f"d1.{text}", f"d1.20717.{text}", f"d1.20717.AAAA.{text}"):
        with pytest.raises(ForgedDecision):
            SIGNER.verify(token)


def test_a_refusal_cuts_what_it_repeats():
    with pytest.raises(ForgedDecision, match="unchanged") as caught:
        SIGNER.verify("x" * 100_000)
    assert len(str(caught.value)) < 300


def test_strangers_cannot_fill_the_memory_of_keys():
    signer = DecisionSigner(Secrets((SECRET,), USERS))
    for period in range(1000):
        with pytest.raises(ForgedDecision):
            signer.verify(f"d1.{period}.AAAA.{'A' * 24}")
    assert len(signer._of_days) <= 64
    assert signer.verify(SIGNER.sign(DECISION)) == DECISION


def test_secrets_rotate():
    old = DecisionSigner(Secrets((OLDER,), USERS))
    both = DecisionSigner(Secrets((SECRET, OLDER), USERS))
    assert both.verify(old.sign(DECISION)) == DECISION
    assert both.sign(DECISION) == SIGNER.sign(DECISION), "the newest signs"
    for signer, token in ((old, both.sign(DECISION)), (SIGNER, old.sign(DECISION))):
        with pytest.raises(ForgedDecision):
            signer.verify(token)


def test_each_day_has_its_key():
    payload_and_mac = SIGNER.sign(DECISION).split(".", 2)[2]
    with pytest.raises(ForgedDecision):
        SIGNER.verify(f"d1.{NOW // DAY + 1}.{payload_and_mac}")
    assert SIGNER.verify(SIGNER.sign(DECISION._replace(ts=NOW + DAY))).ts == NOW + DAY


def test_the_users_secret_signs_nothing():
    with pytest.raises(ForgedDecision):
        DecisionSigner(Secrets((USERS,), SECRET)).verify(SIGNER.sign(DECISION))
    with pytest.raises(ParameterError, match="one secret or more"):
        DecisionSigner(Secrets((), USERS))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"context": "x" * (LONGEST_CONTEXT + 1)}, "context = '2049 bytes'.*at most 2048 bytes"),
        ({"context": "\U0001f3ac" * 513}, "context = '2052 bytes'"),
        ({"session_id": "s" * 256}, "session_id = '256 characters'.*at most 255"),
        ({"ts": -1}, "not below 0"),
        ({"ts": 2**64}, "64-bit"),
        ({"allocation_version": 2**63}, "64-bit"),
        ({"propensity": 10**400}, "64-bit"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_enters(change, words):
    with pytest.raises(ParameterError, match=words):
        SIGNER.sign(DECISION._replace(**change))


def test_a_propensity_that_is_not_a_number_survives():
    assert math.isnan(SIGNER.verify(SIGNER.sign(DECISION._replace(propensity=math.nan))).propensity)


def test_user_keys():
    secrets = Secrets((SECRET,), USERS)
    keys = {secrets.user_key(user) for user in ("", "7", "07", "ann@example.org", "안녕", "\ud800")}
    assert len(keys) == 6
    assert all(len(key) == 32 and int(key, 16) >= 0 for key in keys)
    assert secrets.user_key("7") == Secrets((OLDER,), USERS).user_key("7"), (
        "signing secrets rotate, users stay"
    )
    assert secrets.user_key("7") != Secrets((SECRET,), OLDER).user_key("7")


def test_secrets_do_not_print_themselves():
    secrets = Secrets((SECRET,), USERS)
    secrets.user_key("7")
    assert "first" not in repr(secrets)
    assert "users-" not in repr(secrets)


def test_ids_are_unique_and_sort_by_time():
    ids = [new_id(NOW + 1000 * step) for step in range(2000)]
    assert ids == sorted(set(ids))
    assert len({new_id(NOW) for _ in range(10_000)}) == 10_000
    assert {len(each) for each in ids} == {26}
    assert set("".join(ids)) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def test_ids_carry_their_millisecond_and_follow_their_seed():
    digits = {letter: value for value, letter in enumerate("0123456789ABCDEFGHJKMNPQRSTVWXYZ")}
    number = 0
    for letter in new_id(NOW, random.Random(3)):
        number = number * 32 + digits[letter]
    assert number >> 80 == NOW // 1000
    assert number & (1 << 80) - 1 == random.Random(3).getrandbits(80)
    assert new_id(NOW, random.Random(3)) == new_id(NOW, random.Random(3))


# Loading


def test_secrets_of_the_environment_count_everywhere(tmp_path):
    environ = {"ARMLIFT_SECRET": f" {SECRET} ,{OLDER},", "ARMLIFT_USER_SECRET": USERS}
    for mode in ("development", "kubernetes"):
        assert load_secrets(tmp_path, mode, environ) == Secrets((SECRET, OLDER), USERS)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "ARMLIFT_SECRET"),
        ({"ARMLIFT_SECRET": SECRET}, "ARMLIFT_USER_SECRET"),
        ({"ARMLIFT_SECRET": ",", "ARMLIFT_USER_SECRET": USERS}, "ARMLIFT_SECRET"),
        ({"ARMLIFT_SECRET": "hush", "ARMLIFT_USER_SECRET": USERS}, "ARMLIFT_SECRET = '4 characters'"),
        ({"ARMLIFT_SECRET": f"{SECRET},hush", "ARMLIFT_USER_SECRET": USERS}, "ARMLIFT_SECRET"),
        ({"ARMLIFT_SECRET": SECRET, "ARMLIFT_USER_SECRET": "hush"}, "ARMLIFT_USER_SECRET"),
    ],
)
def test_outside_development_secrets_are_needed(tmp_path, environ, name):
    with pytest.raises(ParameterError, match=name) as caught:
        load_secrets(tmp_path, "docker", environ)
    assert "32 characters" in str(caught.value)
    assert "hush" not in str(caught.value)
    command = str(caught.value).split("python -c '")[1].removesuffix("'")
    made = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout
    assert len(made.strip()) >= 32


def test_a_short_secret_is_refused_in_development_too(tmp_path):
    with pytest.raises(ParameterError, match="ARMLIFT_SECRET"):
        load_secrets(tmp_path, "development", {"ARMLIFT_SECRET": "hush"})


def test_development_makes_its_own_and_keeps_them(tmp_path):
    made = load_secrets(tmp_path, "development", {})
    file = tmp_path / SECRETS_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]
    assert min(map(len, (*made.signing, made.users))) >= 32
    assert made.users not in made.signing
    assert load_secrets(tmp_path, "development", {}) == made
    assert load_secrets(tmp_path, "development", {"ARMLIFT_SECRET": SECRET}) == Secrets((SECRET,), made.users)


def test_processes_that_start_at_once_agree(tmp_path):
    code = (
        "import sys; from pathlib import Path; from armlift.experiments.signing import load_secrets;"
        "sys.stdin.read(); print(load_secrets(Path(sys.argv[1]), 'development', {}).users)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in started:
        process.stdin.close()
    told = {process.stdout.read() for process in started}
    for process in started:
        assert process.wait() == 0
        process.stdout.close()
    assert len(told) == 1
    assert list((tmp_path / SECRETS_FILE).parent.iterdir()) == [tmp_path / SECRETS_FILE]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"signing": 3, "users": ""}', '{"signing": ["a"'])
def test_a_damaged_file_says_what_to_do(tmp_path, text):
    file = tmp_path / SECRETS_FILE
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(DataFileError, match=r"secrets\.json holds no secrets\. Delete it"):
        load_secrets(tmp_path, "development", {})


def test_the_file_is_plain_json(tmp_path):
    secrets = load_secrets(tmp_path, "development", {})
    kept = json.loads((tmp_path / SECRETS_FILE).read_text())
    assert kept == {"signing": list(secrets.signing), "users": secrets.users}
