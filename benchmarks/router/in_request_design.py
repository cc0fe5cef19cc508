"""The design the router is compared with: FastAPI, Thompson sampling in memory, MLflow in the request.

Every `/update` moves the arm's Beta posterior in the memory of the process and logs the reward to MLflow,
on its SQLite store, before it answers. A run is opened once, not for each request, which spares it several
writes; and the endpoint is `async`, so that writes follow each other instead of waiting for SQLite's lock,
which was the faster of the two. Run it with `uvicorn in_request_design:app`.
"""

import random
from typing import Any

import mlflow
from fastapi import FastAPI
from pydantic import BaseModel

ARMS = ("popularity", "random", "logistic_regression", "lightgbm", "svd")

app = FastAPI()
alpha, beta = dict.fromkeys(ARMS, 1.0), dict.fromkeys(ARMS, 1.0)
steps = dict.fromkeys(ARMS, 0)
mlflow.set_experiment("abtest_movielens")
run_id = mlflow.start_run(run_name="thompson").info.run_id


class Update(BaseModel):
    """Body of `/update`."""

    user_id: str
    arm: str
    item_id: str
    reward: float
    ts: str
    meta: dict[str, Any] = {}


@app.get("/choose")
def choose(user_id: str) -> dict[str, Any]:
    arm = max(ARMS, key=lambda name: random.betavariate(alpha[name], beta[name]))
    return {"arm": arm, "items": [{"item_id": str(item), "title": f"Film {item}"} for item in range(10)]}


@app.post("/update")
async def update(data: Update) -> dict[str, bool]:
    alpha[data.arm] += data.reward
    beta[data.arm] += 1.0 - data.reward
    steps[data.arm] += 1
    mlflow.log_metric(f"reward_{data.arm}", data.reward, step=steps[data.arm], run_id=run_id)
    return {"ok": True}
