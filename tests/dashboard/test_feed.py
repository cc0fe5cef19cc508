import http.server
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dashboard_sources import sources_of
from live_store import Traffic, films, store_in

from armlift.storage import ExperimentStore
from dashboard.feed import Feed


def told(feed: Feed) -> list[int]:
    revisions: list[int] = []
    feed.subscribe(lambda snapshot: revisions.append(snapshot.revision))
    return revisions


def test_nobody_is_told_of_a_store_that_is_not_there(tmp_path):
    feed = Feed(sources_of(tmp_path))
    heard = told(feed)
    feed.look()
    assert (heard, feed.snapshot.has_store, feed.snapshot.experiments) == ([], False, ())


def test_everybody_is_told_of_a_change_once(tmp_path):
    with store_in(tmp_path) as database:
        feed = Feed(sources_of(tmp_path))
        one, other = told(feed), told(feed)
        feed.look()
        assert feed.snapshot.has_store
        feed.look()
        traffic = Traffic(database, films())
        feed.look()
        traffic.visit(30)
        feed.look()
        feed.look()
    assert one == other == [1, 2, 3]
    assert [row.id for row in feed.snapshot.experiments] == ["films"]
    assert feed.snapshot.totals["decisions"].sum() > 20


def test_a_change_of_state_is_told(tmp_path):
    with store_in(tmp_path) as database:
        Traffic(database, films())
        feed = Feed(sources_of(tmp_path))
        feed.look()
        heard = told(feed)
        ExperimentStore(database).change("films", "pause", who="me", why="to see")
        feed.look()
    assert heard == [2]
    assert feed.snapshot.experiment("films").state == "hold"
    assert feed.snapshot.experiment("missing") is None


def test_while_the_store_is_broken_the_last_known_stays_and_it_recovers(tmp_path):
    file = tmp_path / "data/live/armlift.db"
    with store_in(tmp_path) as database:
        Traffic(database, films()).visit(30)
    feed = Feed(sources_of(tmp_path))
    feed.look()
    good, heard = feed.snapshot, told(feed)
    kept = file.read_bytes()
    for other in file.parent.glob("armlift.db-*"):
        other.unlink()
    file.unlink()
    file.write_bytes(b"this is no database" * 100)
    feed.look()
    feed.look()
    assert heard == [2], "told once, not at every look"
    assert "armlift.db" in feed.snapshot.store_error
    assert feed.snapshot.experiments == good.experiments
    assert feed.snapshot.taken_at == good.taken_at
    file.unlink()
    file.write_bytes(kept)
    feed.look()
    assert feed.snapshot.store_error is None
    assert heard == [2, 3]


def test_ages_move_on_even_if_nothing_changes(tmp_path, monkeypatch):
    with store_in(tmp_path):
        feed = Feed(sources_of(tmp_path))
        feed.look()
        heard = told(feed)
        feed.look()
        assert heard == []
        monkeypatch.setattr("dashboard.feed._PASSING_SECONDS", -1.0)
        feed.look()
    assert heard == [2]


def test_an_unchanged_store_is_still_current(tmp_path):
    with store_in(tmp_path):
        feed = Feed(sources_of(tmp_path))
        feed.look()
        feed.snapshot = replace(feed.snapshot, taken_at=datetime.now(UTC) - timedelta(hours=1))
        feed.look()
    assert datetime.now(UTC) - feed.snapshot.taken_at < timedelta(minutes=1)


def test_who_is_gone_is_not_told(tmp_path):
    with store_in(tmp_path):
        feed = Feed(sources_of(tmp_path))
        heard: list[object] = []
        stop = feed.subscribe(heard.append)
        stop()
        stop()
        feed.look()
    assert (heard, feed.listeners) == ([], 0)


class _Ready(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self):
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_the_router_is_asked_whether_it_is_ready(tmp_path):
    sources = sources_of(tmp_path)
    feed = Feed(sources)
    heard = told(feed)
    feed.ask_router()
    assert not feed.snapshot.router.reachable
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        sources.settings = replace(sources.settings, api_base_url=address)
        feed.ask_router()
        assert feed.snapshot.router.reachable
        feed.ask_router()
        _Ready.status = 503
        feed.ask_router()
        server.shutdown()
    assert (feed.snapshot.router.reachable, feed.snapshot.router.error) == (False, "503")
    assert len(heard) == 3, "told of changes alone"
    assert set(heard) == {0}, "which are none of the store"
