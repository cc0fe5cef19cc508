import time
import zipfile
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from armlift.datasets.catalogue import split_titles
from armlift.datasets.movielens import read_movielens
from armlift.datasets.sources import SOURCES
from armlift.errors import BadRowsError, DataFileError, ParameterError

RATINGS = [(1, 1, "5", 978300760), (1, 2, "3", 978300000), (2, 1, "4", 978300761), (2, 3, "1", 978300760)]
GENRES = ("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary")
GENRES += ("Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi")
GENRES += ("Thriller", "War", "Western")


def flags(*on):
    return "|".join("1" if genre in on else "0" for genre in GENRES)


def files_of(name):
    """File name -> bytes of a tiny set, written as the publisher does."""
    if name == "ml-100k":
        texts = {
            "u.data": "".join(f"{u}\t{i}\t{r}\t{t}\n" for u, i, r, t in RATINGS),
            "u.genre": "".join(f"{genre}|{place}\n" for place, genre in enumerate(GENRES)) + "\n",
            "u.item": f"1|Été, L' (1995)|01-Jan-1995||http://x/exact?L%E9on|{flags('Drama', 'Comedy')}\n"
            f"2|Land Before Time III (1995) (V)|01-Jan-1995||http://x|{flags('Animation')}\n"
            f"3|unknown||||{flags('unknown')}\n",
            "u.user": "1|24|M|technician|85711\n2|53|F|other|T8H1N\n",
        }
        encoding = "latin-1"
    elif name in ("ml-1m", "ml-10m"):
        texts = {
            "ratings.dat": "".join(f"{u}::{i}::{r}::{t}\n" for u, i, r, t in RATINGS),
            "movies.dat": "1::Été, L' (1995)::Comedy|Drama\n2::Star Wars: Episode IV (1977)::Action\n"
            "3::Untitled::(no genres listed)\n",
        }
        if name == "ml-1m":
            texts["users.dat"] = "1::F::1::10::48067\n2::M::56::16::70072-1234\n"
        encoding = "latin-1" if name == "ml-1m" else "utf-8"
    else:
        texts = {
            "ratings.csv": "userId,movieId,rating,timestamp\n"
            + "".join(f"{u},{i},{r}.0,{t}\n" for u, i, r, t in RATINGS),
            "movies.csv": 'movieId,title,genres\n1,"Été, L\' (1995)",Comedy|Drama\n'
            '2,"11\'09""01 - September 11 (2002) ",Drama\n3,Babylon 5,(no genres listed)\n',
        }
        encoding = "utf-8"
    return {file: text.encode(encoding) for file, text in texts.items()}


def write_folder(tmp_path, name, files=MappingProxyType({})):
    folder = tmp_path / SOURCES[name].folder
    folder.mkdir(parents=True)
    for file, content in {**files_of(name), **files}.items():
        (folder / file).write_bytes(content)
    return folder


def write_archive(tmp_path, name):
    path = tmp_path / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files_of(name).items():
            archive.writestr(f"{SOURCES[name].folder}/{file}", content)
    return path


@pytest.mark.parametrize("name", SOURCES)
def test_every_set_reads_alike_from_archive_folder_and_parent(tmp_path, name):
    folder = write_folder(tmp_path / "unpacked", name)
    data = read_movielens(name, folder, "raise")
    for path in (folder.parent, write_archive(tmp_path, name)):
        again = read_movielens(name, path, "raise")
        for table in ("ratings", "items", "users", "rejects"):
            pd.testing.assert_frame_equal(getattr(data, table), getattr(again, table))

    ratings = data.ratings
    assert ratings[["user_id", "item_id"]].to_numpy().tolist() == [[1, 2], [1, 1], [2, 3], [2, 1]]
    assert ratings["rating"].tolist() == [3, 5, 1, 4]
    assert ratings["timestamp"].iloc[0] == pd.Timestamp("2000-12-31 22:00:00", tz="UTC")
    assert [str(kind) for kind in ratings.dtypes] == ["int64", "int64", "float64", "datetime64[us, UTC]"]
    assert isinstance(ratings.index, pd.RangeIndex)
    assert data.items["title"].iloc[0] == "Été, L'"
    assert data.items["year"].iloc[0] == 1995
    assert set(data.items["genres"].iloc[0].split("|")) == {"Comedy", "Drama"}
    assert data.items["genres"].iloc[2] == ""
    assert data.items["year"].isna().tolist() == [False, False, True]
    assert [str(kind) for kind in data.items.dtypes] == ["int64", "str", "Int64", "str"]
    assert data.users["user_id"].tolist() == [1, 2]
    assert data.rejects.empty


def test_users_of_ml_1m_have_words_for_occupations(tmp_path):
    users = read_movielens("ml-1m", write_folder(tmp_path, "ml-1m"), "raise").users
    assert users["occupation"].tolist() == ["K-12 student", "self-employed"]
    assert users["age"].tolist() == [1, 56]
    assert users["zip_code"].tolist() == ["48067", "70072-1234"]
    assert [str(kind) for kind in users.dtypes] == ["int64", "str", "Int64", "str", "str"]


def test_users_of_ml_100k_have_their_own_column_order(tmp_path):
    users = read_movielens("ml-100k", write_folder(tmp_path, "ml-100k"), "raise").users
    assert users.iloc[1].tolist() == [2, "F", 53, "other", "T8H1N"]


def test_video_mark_of_ml_100k_stays_in_the_title(tmp_path):
    items = read_movielens("ml-100k", write_folder(tmp_path, "ml-100k"), "raise").items
    assert items["title"].tolist()[1:] == ["Land Before Time III (V)", "unknown"]
    assert items["year"].iloc[1] == 1995


@pytest.mark.parametrize(
    ("published", "title", "year"),
    [
        ("Toy Story (1995)", "Toy Story", 1995),
        ("Toy Story (1995) ", "Toy Story", 1995),
        ("Lost (2004-2010)", "Lost", 2004),
        ("Death Note: Desu nôto (2006–2007)", "Death Note: Desu nôto", 2006),
        ("Fargo (2014– )", "Fargo", 2014),
        ("(500) Days of Summer (2009)", "(500) Days of Summer", 2009),
        ("Seven (a.k.a. Se7en) (1995)", "Seven (a.k.a. Se7en)", 1995),
        ("2046 (2004)", "2046", 2004),
        ("Babylon 5", "Babylon 5", None),
        ("Room (1408)", "Room (1408)", None),
        ("(1990)", "(1990)", None),
    ],
)
def test_titles_lose_their_year(published, title, year):
    parts = split_titles(pd.Series([published]))
    assert parts["title"].tolist() == [title]
    assert parts["year"].tolist() == [pd.NA if year is None else year]


def test_real_ml_latest_small(movielens_small):
    begin = time.process_time()
    data = read_movielens("ml-latest-small", movielens_small.parent, "raise")
    assert time.process_time() - begin < 5
    assert (len(data.ratings), len(data.items), len(data.users)) == (100_836, 9_742, 610)
    assert data.ratings.sort_values(["timestamp", "user_id", "item_id"]).index.equals(data.ratings.index)
    assert not data.ratings.duplicated(["user_id", "item_id"]).any()
    assert data.items["year"].isna().sum() == 12
    assert data.items.set_index("item_id")["title"][69757] == "(500) Days of Summer"


def test_a_million_rows(tmp_path):
    pairs = np.random.default_rng(0).choice(2_000_000, 1_000_000, replace=False)
    users, items = pairs // 1000, pairs % 1000
    files = {
        "ratings.dat": "".join(map("{}::{}::4::978300760\n".format, users, items)).encode(),
        "movies.dat": b"".join(b"%d::A (1990)::Drama\n" % i for i in range(1000)),
        "users.dat": b"".join(b"%d::F::25::1::12345\n" % u for u in range(2000)),
    }
    folder = write_folder(tmp_path, "ml-1m", files=files)
    begin = time.process_time()
    data = read_movielens("ml-1m", folder, "raise")
    assert time.process_time() - begin < 5
    assert np.array_equal(data.ratings["user_id"] * 1000 + data.ratings["item_id"], np.sort(pairs))


@pytest.mark.parametrize("name", SOURCES)
def test_missing_and_empty_files(tmp_path, name):
    for file in files_of(name):
        folder = write_folder(tmp_path / file, name)
        (folder / file).write_bytes(b"")
        with pytest.raises(DataFileError, match=f"{file}: empty file"):
            read_movielens(name, folder, "drop")
        (folder / file).unlink()
        with pytest.raises(DataFileError, match=f"{file}.* missing.*armlift download {name}"):
            read_movielens(name, folder, "drop")
    with pytest.raises(DataFileError, match="no such file"):
        read_movielens(name, tmp_path / "nowhere", "drop")


def test_header_only_or_blank_files_hold_nothing(tmp_path):
    for place, content in enumerate(
        (b"userId,movieId,rating,timestamp\n", b"userId,movieId,rating,timestamp")
    ):
        folder = write_folder(tmp_path / str(place), "ml-20m", files={"ratings.csv": content})
        with pytest.raises(DataFileError, match="holds no ratings"):
            read_movielens("ml-20m", folder, "drop")
    folder = write_folder(tmp_path, "ml-1m", files={"movies.dat": b"\n\n"})
    with pytest.raises(DataFileError, match="holds no rows"):
        read_movielens("ml-1m", folder, "drop")


@pytest.mark.parametrize("file", ["ratings.csv", "movies.csv"])
def test_wrong_header(tmp_path, file):
    wrong = files_of("ml-25m")[file].replace(b"movieId", b"item")
    folder = write_folder(tmp_path, "ml-25m", files={file: wrong})
    with pytest.raises(DataFileError, match=rf"{file} line 1: the header is '.*item.*must be '.*movieId"):
        read_movielens("ml-25m", folder, "drop")


def test_wrong_encoding(tmp_path):
    as_latin = files_of("ml-10m")["movies.dat"].decode().encode("latin-1")
    folder = write_folder(tmp_path, "ml-10m", files={"movies.dat": as_latin})
    with pytest.raises(DataFileError, match=r"movies.dat line 1: byte 0xc9 is not utf-8"):
        read_movielens("ml-10m", folder, "drop")
    as_utf8 = files_of("ml-1m")["movies.dat"].decode("latin-1").encode()
    folder = write_folder(tmp_path, "ml-1m", files={"movies.dat": as_utf8})
    with pytest.raises(DataFileError, match=r"movies.dat: is UTF-8"):
        read_movielens("ml-1m", folder, "drop")


@pytest.mark.parametrize("name", ["ml-1m", "ml-20m"])
def test_damaged_archives(tmp_path, name):
    path = write_archive(tmp_path, name)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataFileError, match=r"damaged, truncated.*armlift download"):
        read_movielens(name, path, "drop")
    with zipfile.ZipFile(path, "w") as archive:  # stored, so that a flipped byte only breaks the checksum
        for file, content in files_of(name).items():
            archive.writestr(f"{SOURCES[name].folder}/{file}", content)
    path.write_bytes(path.read_bytes().replace(b"978300761", b"978300762"))
    with pytest.raises(DataFileError, match="damaged, truncated"):
        read_movielens(name, path, "drop")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("elsewhere/readme.txt", "hello")
    with pytest.raises(DataFileError, match=r"movies\.\w+: .* missing"):
        read_movielens(name, path, "drop")


BAD_CSV_ROWS = [
    ("7,1,4.0", "", "7,1,4.0", "3 fields instead of 4"),
    ("7,1,4.0,978300760,1", "", "7,1,4.0,978300760,1", "5 fields instead of 4"),
    ("x7,1,4.0,978300760", "user_id", "x7", "not a whole number"),
    ("7.5,1,4.0,978300760", "user_id", "7.5", "not a whole number"),
    ("99999999999999999999,1,4.0,978300760", "user_id", "99999999999999999999", "not a whole number"),
    ("7,,4.0,978300760", "item_id", "", "not a whole number"),
    ("7,1,good,978300760", "rating", "good", "not a number"),
    ("7,1,4.0,yesterday", "timestamp", "yesterday", "not a whole number"),
    ("-7,1,4.0,978300760", "user_id", "-7", "negative user"),
    ("7,99,4.0,978300760", "item_id", "99", "item is not in the items file"),
    ("7,1,0,978300760", "rating", "0", "rating out of range"),
    ("7,1,5.50,978300760", "rating", "5.50", "rating out of range"),
    ("7,1,nan,978300760", "rating", "nan", None),
    ("7,1,4.25,978300760", "rating", "4.25", "rating between two steps of the scale"),
    ("7,1,4.0,-5", "timestamp", "-5", "not a time from 1970 to 2099"),
    ("7,1,4.0,978300760000", "timestamp", "978300760000", "not a time from 1970 to 2099"),
]


@pytest.mark.parametrize(("row", "column", "value", "reason"), BAD_CSV_ROWS)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_each_kind_of_bad_rating(tmp_path, row, column, value, reason, ending):
    lines = files_of("ml-20m")["ratings.csv"].decode().splitlines()
    content = ending.join([*lines[:3], row, *lines[3:], ""]).encode()
    folder = write_folder(tmp_path, "ml-20m", files={"ratings.csv": content})
    with pytest.raises(BadRowsError, match=r"Bad rows: 1\. .*ratings.csv line 4") as raised:
        read_movielens("ml-20m", folder, "raise")
    assert "\n" not in str(raised.value)
    assert repr(value) in str(raised.value)
    assert "data.on_bad_rows" in str(raised.value)

    data = read_movielens("ml-20m", folder, "drop")
    (reject,) = data.rejects.itertuples(index=False)
    assert (reject.line, reject.column, reject.value) == (4, column, value)
    assert reject.file == str(folder / "ratings.csv")
    assert reason is None or reject.reason == reason
    assert reject.remedy
    assert len(data.ratings) == len(RATINGS)


def test_scale_is_that_of_the_set(tmp_path):
    rows = files_of("ml-1m")["ratings.dat"] + b"1::3::3.5::978300760\n2::2::0.5::978300760\n"
    folder = write_folder(tmp_path / "a", "ml-1m", files={"ratings.dat": rows})
    rejects = read_movielens("ml-1m", folder, "drop").rejects
    assert rejects["value"].tolist() == ["3.5", "0.5"]
    folder = write_folder(tmp_path / "b", "ml-10m", files={"ratings.dat": rows})
    assert read_movielens("ml-10m", folder, "raise").rejects.empty


def test_of_repeated_ratings_the_latest_stays_and_on_a_tie_the_last(tmp_path):
    rows = b"1\t1\t5\t30\n1\t1\t4\t50\n1\t1\t3\t40\n2\t1\t2\t9\n2\t1\t1\t9\n"
    folder = write_folder(tmp_path, "ml-100k", files={"u.data": rows})
    data = read_movielens("ml-100k", folder, "drop")
    assert data.ratings[["user_id", "rating"]].to_numpy().tolist() == [[2, 1], [1, 4]]
    assert data.rejects["line"].tolist() == [1, 3, 4]
    assert set(data.rejects["column"]) == {"item_id"}


def test_a_separator_byte_inside_a_field_is_not_taken_for_a_separator(tmp_path):
    rows = files_of("ml-1m")["ratings.dat"] + b"1\x1f3::4::978300760\n"
    folder = write_folder(tmp_path, "ml-1m", files={"ratings.dat": rows})
    assert read_movielens("ml-1m", folder, "drop").rejects["reason"].tolist() == ["3 fields instead of 4"]


def test_bad_items_and_users_take_their_ratings_along(tmp_path):
    movies = b"1::A (1995)::Drama\nx2::B (1995)::Drama\n3::C\n1::D (1999)::War\n"
    users = b"1::F::1::10::48067\n2::M::56::21::70072\n3::M::old::1::70072\n"
    folder = write_folder(tmp_path, "ml-1m", files={"movies.dat": movies, "users.dat": users})
    data = read_movielens("ml-1m", folder, "drop")
    found = [(Path(r.file).name, r.line, r.column, r.value) for r in data.rejects.itertuples()]
    assert sorted(found) == [
        ("movies.dat", 2, "item_id", "x2"),
        ("movies.dat", 3, "", "3::C"),
        ("movies.dat", 4, "item_id", "1"),
        ("ratings.dat", 2, "item_id", "2"),
        ("ratings.dat", 3, "user_id", "2"),
        ("ratings.dat", 4, "user_id", "2"),
        ("users.dat", 2, "occupation", "21"),
        ("users.dat", 3, "age", "old"),
    ]
    assert data.items["title"].tolist() == ["A"]
    assert data.users["user_id"].tolist() == [1]
    assert len(data.ratings) == 1


def test_unclosed_quote_spoils_one_line_only(tmp_path):
    movies = files_of("ml-20m")["movies.csv"] + b'4,"Open (1995),Drama\n5,"Closed (1995)",Drama\n'
    folder = write_folder(tmp_path, "ml-20m", files={"movies.csv": movies})
    data = read_movielens("ml-20m", folder, "drop")
    assert data.rejects["line"].tolist() == [5]
    assert data.items["item_id"].tolist() == [1, 2, 3, 5]


def test_bad_flags_and_genres_of_ml_100k(tmp_path):
    items = files_of("ml-100k")["u.item"].replace(
        flags("Animation").encode(), flags("Animation").encode()[:-1] + b"2"
    )
    folder = write_folder(tmp_path / "a", "ml-100k", files={"u.item": items})
    rejects = read_movielens("ml-100k", folder, "drop").rejects
    assert rejects[["line", "column", "value"]].iloc[0].tolist() == [2, "Western", "2"]
    folder = write_folder(tmp_path / "b", "ml-100k", files={"u.genre": b"Action|0\nWar|2\n"})
    with pytest.raises(DataFileError, match="must number the genres"):
        read_movielens("ml-100k", folder, "drop")


def test_only_bad_rows_left(tmp_path):
    header = b"userId,movieId,rating,timestamp\n"
    for place, row in enumerate((b"nonsense\n", b"1,1,9,978300760\n")):
        folder = write_folder(tmp_path / str(place), "ml-20m", files={"ratings.csv": header + row})
        with pytest.raises(BadRowsError):
            read_movielens("ml-20m", folder, "raise")
        with pytest.raises(DataFileError, match="no good rating is left of 1 rows"):
            read_movielens("ml-20m", folder, "drop")


def test_unknown_set(tmp_path):
    with pytest.raises(ParameterError, match="ml-100k, ml-1m"):
        read_movielens("ml-2m", tmp_path, "drop")


FIELDS = st.sampled_from(["1", "2", "3", "4.0", "0.5", "7", "-1", "978300760", "x", "", " ", "3.2", "é"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(FIELDS, min_size=1, max_size=5) | st.just(["1", "2", "3", "9"]), max_size=8))
def test_kept_and_rejected_rows_are_all_rows(tmp_path_factory, rows):
    lines = [",".join(row) for row in rows]
    content = "\n".join(["userId,movieId,rating,timestamp", "1,3,2,9", *lines]).encode()
    folder = write_folder(tmp_path_factory.mktemp("set"), "ml-20m", files={"ratings.csv": content})
    data = read_movielens("ml-20m", folder, "drop")
    filled = [number for number, line in enumerate(["1,3,2,9", *lines], start=2) if line.strip()]
    assert len(data.ratings) + len(data.rejects) == len(filled)
    assert data.rejects["line"].is_unique
    assert set(data.rejects["line"]) <= set(filled)
