"""The measure for the router: a Litestar application that does nothing, on the same server.

`GET /` returns a constant of the size of an answer of `/choose`; `POST /` reads a body like that of `/update`
and returns its answer. The constant is read from the file named by `BENCHMARK_ANSWER`.
"""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, get, post
from litestar.params import JSONBody

ANSWER: dict[str, Any] = json.loads(Path(os.environ["BENCHMARK_ANSWER"]).read_bytes())


class Update(msgspec.Struct):
    """Body of `/update`."""

    user_id: str
    arm: str
    item_id: str
    reward: float
    ts: str
    decision_id: str
    meta: dict[str, Any] = {}


@get("/")
async def constant() -> dict[str, Any]:
    return ANSWER


@post("/", status_code=200)
async def accept(data: JSONBody[Update]) -> dict[str, bool]:
    return {"ok": True, "duplicate": False}


app = Litestar([constant, accept], openapi_config=None)
