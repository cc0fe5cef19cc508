import io
import re

from armlift.serving import access_log
from armlift.serving.access_log import AccessLog


def test_lines_are_written_when_told_and_once():
    stream = io.StringIO()
    log = AccessLog(stream)
    log.note("GET", "/choose", 200, 0.0012)
    log.note("POST", "/update", 503, 0.25)
    assert stream.getvalue() == ""
    log.flush()
    log.flush()
    first, second = stream.getvalue().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z GET /choose 200 1\.2 ms", first)
    assert second.endswith("Z POST /update 503 250.0 ms")


def test_what_is_too_much_is_counted(monkeypatch):
    monkeypatch.setattr(access_log, "LIMIT", 2)
    stream = io.StringIO()
    log = AccessLog(stream)
    for _ in range(5):
        log.note("GET", "/", 200, 0.0)
    log.flush()
    assert len(stream.getvalue().splitlines()) == 3
    assert stream.getvalue().endswith("3 more were left out\n")
