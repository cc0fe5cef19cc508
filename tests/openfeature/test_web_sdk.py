"""The JavaScript SDK for browsers, from npm, under node."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import do_without
from live_server import LiveServer, free_port

SCRIPT = Path(__file__).with_name("web_sdk.mjs")
PACKAGES = (
    "@openfeature/core@1",
    "@openfeature/web-sdk@1",
    "@openfeature/ofrep-core@2",
    "@openfeature/ofrep-web-provider@0.4",
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which node finds the SDK."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            do_without(f"no {program} on the PATH: on Debian, `apt install nodejs npm`")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"private": true}')
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", *PACKAGES]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        do_without(f"npm cannot install the OpenFeature SDK: {done.stderr[-400:]}")
    shutil.copy(SCRIPT, folder)
    return folder


def evaluate(folder: Path, url: str, user: str) -> dict[str, Any]:
    done = subprocess.run(
        ["node", SCRIPT.name, url, "movielens", user],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def test_web_sdk_evaluates(node: Path, server: LiveServer) -> None:
    before = server.rows("decisions")
    found = evaluate(node, server.url, "mina")
    assert found["failure"] is None
    assert found["details"]["reason"] == "SPLIT"
    assert found["details"]["value"] == found["details"]["variant"]
    metadata = found["details"]["flagMetadata"]
    assert found["unknown"]["value"] == "the default"
    assert found["unknown"]["errorCode"] == "FLAG_NOT_FOUND"

    # Asked again it has not changed, and nothing counts as seen yet.
    assert [answer["status"] for answer in found["answers"]] == [200, 304]
    assert len({answer["etag"] for answer in found["answers"]}) == 1
    assert found["again"]["flagMetadata"]["decision_id"] == metadata["decision_id"]
    chosen = requests.get(f"{server.url}/choose", params={"user_id": "mina"}, timeout=10).json()
    assert chosen["arm"] == found["details"]["value"]

    # The first event says that it was used.
    event = {"event_type": "impression", "user_id": "mina", "decision_id": metadata["decision_id"]}
    answer = requests.post(f"{server.url}/events", json=event, timeout=10).json()
    assert answer["accepted"] == 1
    assert server.rows("decisions") == before + 2  # with the one of /choose


def test_web_sdk_falls_back_without_a_router(node: Path) -> None:
    found = evaluate(node, f"http://127.0.0.1:{free_port()}", "mina")
    assert found["failure"] is not None
    assert found["details"]["value"] == "the default"
    assert found["details"]["reason"] == "ERROR"
