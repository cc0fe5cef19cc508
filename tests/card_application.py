"""The card application around a router that is only a list of films and a list of what it was told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.params import FromQuery, JSONBody
from patience import until

from armlift.errors import StoreUnavailable
from armlift.serving.api_docs import api_documentation
from armlift.serving.films import Page
from armlift.serving.routes.cards import TEMPLATES, card_routes
from armlift.serving.schemas import EventAnswer, Ingested, Item

FILMS = (
    ("Heat", 1995, ["Action", "Crime", "Thriller"]),
    ("Toy Story", 1995, ["Adventure", "Animation", "Children", "Comedy", "Fantasy"]),
    ("City of Lost Children, The (Cité des enfants perdus, La)", 1995, ["Adventure", "Drama", "Sci-Fi"]),
    ("Before Sunrise", 1995, ["Drama", "Romance"]),
    ("Third Man, The", 1949, ["Film-Noir", "Mystery", "Thriller"]),
    ("Once Upon a Time in the West (C'era una volta il West)", 1968, ["Action", "Drama", "Western"]),
    ("Singin' in the Rain", 1952, ["Comedy", "Musical", "Romance"]),
    ("Alien", 1979, ["Horror", "Sci-Fi"]),
    ("Pan's Labyrinth (Laberinto del fauno, El)", 2006, ["Drama", "Fantasy", "Thriller"]),
    ("Hoop Dreams", 1994, ["Documentary"]),
    ("Great Escape, The", 1963, ["Action", "Adventure", "Drama", "War"]),
    ("Usual Suspects, The", 1995, ["Crime", "Mystery", "Thriller"]),
    ("Spirited Away (Sen to Chihiro no kamikakushi)", 2001, ["Adventure", "Animation", "Fantasy"]),
    ("Shawshank Redemption, The", 1994, ["Crime", "Drama"]),
    ("Groundhog Day", 1993, ["Comedy", "Fantasy", "Romance"]),
    ("Vertigo", 1958, ["Drama", "Mystery", "Romance", "Thriller"]),
    ("Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb", 1964, ["Comedy", "War"]),
    ("Mad Max: Fury Road", 2015, ["Action", "Adventure", "Sci-Fi", "Thriller"]),
    ("Koyaanisqatsi", None, ["Documentary"]),
    ("Taste of Cherry", 1997, ["Drama"]),
    ("Paterson", 2016, ["(no genres listed)"]),
    ("올드보이", 2003, ["Mystery", "Thriller"]),
)
SLATE = 10


class StandInRouter:
    """Shows films in order; keeps what it is told, as the store would: each event of a decision once.

    Attributes:
        items: The films, by id.
        stored: Events, by id.
        duplicates: Ids of events that came again.
        decisions: Users for whom something was decided, in order.
        is_down: Whether the store cannot commit.
    """

    def __init__(self) -> None:
        self.items = {100 + n: Item(100 + n, *film) for n, film in enumerate(FILMS)}
        self.stored: dict[str, dict[str, Any]] = {}
        self.duplicates: list[str] = []
        self.decisions: list[str] = []
        self.is_down = False

    async def recommend(
        self, user_id: str, *, session_id: str, agent: str, address: str, shown: Collection[int]
    ) -> Page:
        rest = [item for item in self.items.values() if item.item_id not in shown]
        if shown:
            return Page(None, rest[:SLATE], len(shown), len(rest) > SLATE)
        self.decisions.append(user_id)
        return Page(f"d1.signed-{len(self.decisions)}", rest[:SLATE])

    def item(self, item_id: int) -> Item | None:
        return self.items.get(item_id)

    async def ingest(self, events: Sequence[dict[str, Any]], *, agent: str, address: str) -> Ingested:
        if self.is_down:
            raise StoreUnavailable("The store cannot commit.")
        answers = []
        for event in events:
            known = event["event_id"] in self.stored
            if known:
                self.duplicates.append(event["event_id"])
            self.stored.setdefault(event["event_id"], dict(event))
            answers.append(EventAnswer("duplicate" if known else "accepted", event["event_id"]))
        again = sum(answer.status == "duplicate" for answer in answers)
        return Ingested(len(answers) - again, again, 0, answers)

    def kinds(self) -> list[str]:
        """Types of the stored events, in order."""
        return [event["event_type"] for event in self.stored.values()]


@get("/choose")
async def choose(user_id: FromQuery[str]) -> dict[str, str]:
    """Choose an arm for a user."""
    return {"user_id": user_id}


@post("/update")
async def update(data: JSONBody[dict[str, float]]) -> dict[str, bool]:
    """Take a reward."""
    return {"ok": bool(data)}


def _unavailable(_: Request[Any, Any, Any], error: StoreUnavailable) -> Response[str]:
    return Response(str(error), status_code=503, headers={"Retry-After": "1"})


def card_application(router: StandInRouter) -> Litestar:
    """The card application and the documentation of two operations."""
    return Litestar(
        [*card_routes(), choose, update],
        state=State({"films": router}),
        template_config=TEMPLATES,
        openapi_config=api_documentation("Router", "1.0.0"),
        exception_handlers={StoreUnavailable: _unavailable},
    )


@contextmanager
def serve(application: Litestar) -> Iterator[str]:
    """Serve an application on a free port of this machine; give its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(application, log_level="error", ws="none", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
