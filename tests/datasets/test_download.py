import hashlib
import io
import stat
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType

import pytest

from armlift.datasets import download as downloads
from armlift.datasets.download import download, find_download
from armlift.datasets.sources import SOURCES
from armlift.errors import DownloadError, ParameterError

NAME = "ml-latest-small"


def archive_bytes(members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


ARCHIVE = archive_bytes(
    [(f"{NAME}/", b""), (f"{NAME}/a.csv", b"a" * 300_000), (f"{NAME}/sub/b.csv", b"b" * 10)]
)


@dataclass
class Server:
    """A publisher whose manners can be set."""

    content: bytes = ARCHIVE
    etag: str | None = '"one"'
    md5: str | None = None
    ranges: bool = True
    wrong_range: bool = False
    cut_at: list[int] = field(default_factory=list)
    refuse: list[int] = field(default_factory=list)
    requests: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    url: str = ""

    def answer(self, handler):
        asked = handler.headers.get("Range")
        self.requests.append((handler.path, asked, handler.headers.get("If-Range")))
        if handler.path.endswith(".md5"):
            text = self.md5
            if text is None:
                text = f"MD5 ({NAME}.zip) = {hashlib.md5(self.content).hexdigest()}\n"
            handler.send_response(200 if text else 404)
            handler.send_header("Content-Length", str(len(text)))
            handler.end_headers()
            handler.wfile.write(text.encode())
            return
        if self.refuse:
            handler.send_response(self.refuse.pop(0))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        start, total = 0, len(self.content)
        same = handler.headers.get("If-Range") in (None, self.etag)
        if asked and self.ranges and same:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= total:
                handler.send_response(416)
                handler.send_header("Content-Range", f"bytes */{total}")
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return
            if self.wrong_range:
                start = 1
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        else:
            handler.send_response(200)
        handler.send_header("Content-Length", str(total - start))
        if self.etag:
            handler.send_header("ETag", self.etag)
        handler.end_headers()
        end = self.cut_at.pop(0) if self.cut_at else total
        handler.wfile.write(self.content[start:end])
        if end < total:
            handler.wfile.flush()
            handler.connection.close()


@pytest.fixture
def server():
    publisher = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            publisher.answer(self)

        def log_message(self, *args):
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.handle_error = lambda *args: None
    publisher.url = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield publisher
    listener.shutdown()
    listener.server_close()
    thread.join()


def fetch(server, to, **options):
    return download(NAME, to, base_url=server.url, retry_delay=0.0, **options)


def archive_requests(server):
    return [asked for path, asked, _ in server.requests if path.endswith(".zip")]


def assert_complete(server, to):
    assert (to / f"{NAME}.zip").read_bytes() == server.content
    assert (to / NAME / "a.csv").stat().st_size == 300_000
    assert (to / NAME / "sub" / "b.csv").read_bytes() == b"b" * 10
    assert sorted(path.name for path in to.iterdir()) == [NAME, f"{NAME}.zip"]


def test_download_checks_and_unpacks_and_is_found_afterwards(server, tmp_path):
    to = tmp_path / "data" / "raw"
    seen = []
    assert find_download(NAME, to, base_url=server.url) is None
    place = fetch(server, to, progress=lambda done, total: seen.append((done, total)))
    assert place.folder == to / NAME
    assert_complete(server, to)
    assert seen[0] == (0, len(ARCHIVE))
    assert seen[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert find_download(NAME, to, base_url=server.url) == place
    fetch(server, to)
    assert len(archive_requests(server)) == 1


def test_cut_connection_is_resumed_by_itself(server, tmp_path):
    server.cut_at = [100_000, 200_000]
    fetch(server, tmp_path)
    assert_complete(server, tmp_path)
    assert archive_requests(server) == [None, "bytes=65536-", "bytes=196608-"]
    assert server.requests[-1][2] == '"one"'


def test_next_call_resumes(server, tmp_path):
    server.cut_at = [70_000, 140_000, 200_000, 270_000, 280_000]
    with pytest.raises(DownloadError, match="run the same command again"):
        fetch(server, tmp_path)
    assert (tmp_path / f"{NAME}.zip.part").stat().st_size == 262_144
    fetch(server, tmp_path)
    assert_complete(server, tmp_path)
    assert archive_requests(server)[-1] == "bytes=262144-"


@pytest.mark.parametrize("etag", ['"two"', None])
def test_parts_of_two_versions_never_mix(server, tmp_path, etag):
    (tmp_path / f"{NAME}.zip.part").write_bytes(b"x" * 5000)
    (tmp_path / f"{NAME}.zip.part.version").write_text('"old"')
    server.etag = etag
    fetch(server, tmp_path)
    assert_complete(server, tmp_path)


def test_weak_tags_are_not_used_to_resume(server, tmp_path):
    server.etag = 'W/"one"'
    server.cut_at = [100_000]
    fetch(server, tmp_path)
    assert_complete(server, tmp_path)
    assert server.requests[-1][1:] == ("bytes=65536-", None)


def test_server_that_ignores_ranges(server, tmp_path):
    server.ranges = False
    server.cut_at = [100_000]
    fetch(server, tmp_path)
    assert_complete(server, tmp_path)


@pytest.mark.parametrize("kept", [len(ARCHIVE), len(ARCHIVE) + 7])
def test_nothing_left_to_fetch(server, tmp_path, kept):
    (tmp_path / f"{NAME}.zip.part").write_bytes((ARCHIVE + b"garbage")[:kept])
    fetch(server, tmp_path)
    assert_complete(server, tmp_path)
    assert len(archive_requests(server)) == (1 if kept == len(ARCHIVE) else 2)


def test_server_that_answers_with_another_range(server, tmp_path):
    (tmp_path / f"{NAME}.zip.part").write_bytes(ARCHIVE[:1000])
    server.wrong_range = True
    fetch(server, tmp_path)
    assert_complete(server, tmp_path)


def test_transient_refusals_are_retried_and_others_not(server, tmp_path):
    server.refuse = [503, 429]
    fetch(server, tmp_path / "a")
    assert_complete(server, tmp_path / "a")
    server.refuse = [403]
    with pytest.raises(DownloadError, match="403"):
        fetch(server, tmp_path / "b")
    server.refuse = [500] * 5
    with pytest.raises(DownloadError, match="500"):
        fetch(server, tmp_path / "c")
    assert not server.refuse


def test_wrong_checksum_removes_the_part(server, tmp_path):
    server.md5 = "0" * 32 + f"  {NAME}.zip"
    with pytest.raises(DownloadError, match=r"must have 0{32}; removed"):
        fetch(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_checksum_must_be_there_and_be_one(server, tmp_path):
    server.md5 = ""
    with pytest.raises(DownloadError, match="cannot be checked"):
        fetch(server, tmp_path)
    server.md5 = "<html>Please log in</html>"
    with pytest.raises(DownloadError, match="holds no MD5 checksum but '<html>"):
        fetch(server, tmp_path)


def test_published_checksum_must_be_the_known_one(server, tmp_path):
    with pytest.raises(DownloadError, match=f"not the known one, {SOURCES['ml-1m'].md5}"):
        download("ml-1m", tmp_path, base_url=server.url, retry_delay=0.0)


def test_known_checksum_serves_when_the_mirror_publishes_none(server, tmp_path):
    server.md5 = ""
    with pytest.raises(DownloadError, match=f"must have {SOURCES['ml-1m'].md5}; removed"):
        download("ml-1m", tmp_path, base_url=server.url, retry_delay=0.0)


def test_archive_that_is_known_needs_no_network(server, tmp_path, monkeypatch):
    from dataclasses import replace

    known = replace(SOURCES[NAME], md5=hashlib.md5(ARCHIVE).hexdigest())
    monkeypatch.setattr(downloads, "published_source", MappingProxyType({NAME: known}).__getitem__)
    (tmp_path / f"{NAME}.zip").write_bytes(ARCHIVE)
    assert find_download(NAME, tmp_path) is None
    fetch(server, tmp_path)
    assert_complete(server, tmp_path)
    assert server.requests == []


def test_damage_after_the_download_is_repaired(server, tmp_path):
    fetch(server, tmp_path)
    (tmp_path / NAME / "a.csv").write_bytes(b"short")
    (tmp_path / NAME / "sub" / "b.csv").unlink()
    assert find_download(NAME, tmp_path, base_url=server.url) is None
    fetch(server, tmp_path)
    assert_complete(server, tmp_path)
    assert len(archive_requests(server)) == 1
    (tmp_path / f"{NAME}.zip").write_bytes(b"rotten")
    assert find_download(NAME, tmp_path, base_url=server.url) is None
    fetch(server, tmp_path)
    assert_complete(server, tmp_path)


def test_no_server(tmp_path):
    with pytest.raises(DownloadError, match="Check the network"):
        download(NAME, tmp_path, base_url="http://127.0.0.1:9", retry_delay=0.0)
    with pytest.raises(DownloadError, match="base URL"):
        download(NAME, tmp_path, base_url="nowhere", retry_delay=0.0)


def test_target_that_is_a_file(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match="cannot be stored"):
        fetch(server, tmp_path / "file")


def test_unknown_set(tmp_path):
    with pytest.raises(ParameterError, match="one of ml-100k"):
        download("ml-2m", tmp_path)
    with pytest.raises(ParameterError, match="one of ml-100k"):
        find_download("../ml-1m", tmp_path)


def link(name):
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@pytest.mark.parametrize(
    "member",
    [
        "../escaped.txt",
        f"{NAME}/../../escaped.txt",
        "/tmp/escaped.txt",
        f"{NAME}\\..\\x",
        "C:/x",
        link(f"{NAME}/link"),
    ],
)
def test_unsafe_archives_are_refused_as_a_whole(server, tmp_path, member):
    to = tmp_path / "in" / "side"
    server.content = archive_bytes([(f"{NAME}/a.csv", b"a"), (member, b"../../escaped.txt")])
    with pytest.raises(DownloadError, match="is unsafe"):
        fetch(server, to)
    assert [path.name for path in to.iterdir()] == [f"{NAME}.zip"]
    assert not list(tmp_path.rglob("escaped.txt"))
