import zipfile

import pytest

from armlift.datasets.unpacking import is_unpacked, unpack
from armlift.errors import DownloadError


@pytest.fixture
def pack(tmp_path):
    def write(members):
        path = tmp_path / "set.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members:
                archive.writestr(name, content)
        return path

    return write


def test_only_the_wanted_folder_lands_and_replaces_the_old_one(pack, tmp_path):
    archive = pack([("set/a.txt", b"new"), ("__MACOSX/junk", b"junk")])
    old = tmp_path / "set"
    old.mkdir()
    (old / "left.txt").write_text("old")
    assert not is_unpacked(archive, "set", tmp_path)
    assert unpack(archive, "set", tmp_path) == old
    assert [path.name for path in old.iterdir()] == ["a.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "set.zip"]
    assert is_unpacked(archive, "set", tmp_path)


def test_bombs_are_refused_before_anything_is_written(pack, tmp_path):
    archive = pack([("set/zeros", b"\0" * 1_000_001)])
    with pytest.raises(DownloadError, match="1000001 bytes, more than 1000000"):
        unpack(archive, "set", tmp_path, largest_total=1_000_000)
    assert [path.name for path in tmp_path.iterdir()] == ["set.zip"]


def test_archive_without_the_folder(pack, tmp_path):
    with pytest.raises(DownloadError, match="has no folder set"):
        unpack(pack([("other/a.txt", b"")]), "set", tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name(pack, tmp_path):
    with pytest.raises(DownloadError, match="cannot be unpacked"):
        unpack(pack([("set/a.txt", b"1"), ("set/a.txt", b"2")]), "set", tmp_path)
    assert not (tmp_path / "set").exists()


def test_damaged_archive_leaves_the_old_folder(pack, tmp_path):
    archive = pack([("set/a.txt", b"content")])
    unpack(archive, "set", tmp_path)
    archive.write_bytes(archive.read_bytes()[:40])
    with pytest.raises(DownloadError, match="damaged zip archive"):
        unpack(archive, "set", tmp_path)
    assert (tmp_path / "set" / "a.txt").read_bytes() == b"content"
