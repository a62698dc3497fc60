"""Interactions and what stands beside them: side tables, traps, warnings."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.uploads import Upload


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    return Upload(tmp_path)


def test_ids_stay_text(upload: Upload):
    upload.put({"a.csv": "user,item\n007,1e9\n7,1000000000\nNA,null\n"}).read("interactions")
    found = upload.interactions()
    assert found.user_ids == ["007", "7", "NA"]
    assert found.item_ids == ["1e9", "1000000000", "null"]
    assert found.ratings is None
    assert found.times is None


def test_rows_of_one_time_keep_the_order_of_the_file(upload: Upload):
    upload.put({"a.csv": "user,item,time\na,1,20\na,2,10\na,3,20\na,4,10\n"}).read("interactions")
    found = upload.interactions()
    assert [found.item_ids[i] for i in found.items] == ["2", "4", "1", "3"]


def test_without_times_rows_keep_the_order_of_the_file(upload: Upload):
    upload.put({"a.csv": "user,item\na,3\nb,1\na,2\n"}).read("interactions")
    assert upload.interactions().items.tolist() == [0, 1, 2]


def test_rows_of_one_user_in_two_files_are_one_history(upload: Upload):
    files = {"1.csv": "user,item,ts\na,x,20\nb,x,1\n", "2.csv": "user,item,ts\na,y,10\n"}
    summary = upload.put(files).read("interactions")
    assert (summary.users, summary.history_histogram) == (2, {"1": 1, "2": 1})
    found = upload.interactions()
    met = [(found.user_ids[u], found.item_ids[i]) for u, i in zip(found.users, found.items, strict=True)]
    assert met == [("b", "x"), ("a", "y"), ("a", "x")]


def test_a_mapping_names_the_columns(upload: Upload):
    upload.put({"a.csv": "who;what;how much;colour\na;x;2,5;red\n".replace("2,5", "2.5")})
    summary = upload.read("interactions", columns={"user": "who", "item": "what", "rating": "how much"})
    assert (summary.has_ratings, summary.has_timestamps) == (True, False)
    assert summary.warnings == ("a.csv: columns colour are not used", "column rating is constant")


def test_quoted_values_may_hold_delimiters_quotes_and_line_breaks(upload: Upload):
    movies = 'item,title\n1,"One, ""quoted"", and\r\nbroken"\n2,5" pipe\n'
    upload.put({"a.csv": "user,item\na,1\na,2\n", "movies.csv": movies}).read("interactions")
    assert upload.interactions().item_columns == {"title": ['One, "quoted", and\r\nbroken', '5" pipe']}


def test_side_tables_are_aligned_with_the_items_that_were_met(upload: Upload):
    files = {
        "movies.csv": "movieId,title,genres,year\n9,Nobody met,Drama,1999\n2,Two,Comedy|Drama,2001\n"
        "1,One,(no genres listed),\n",
        "ratings.csv": "userId,movieId,rating,timestamp\n5,1,4,978300760\n5,2,3,978300761\n5,3,1,978300762\n",
        "users.csv": "userId,zip,age\n5,01234,30\n",
        "tags.csv": "userId,movieId,tag,timestamp\n5,1,good,978300760\n",
    }
    summary = upload.put(files).read("interactions")
    found = upload.interactions()
    assert found.item_ids == ["1", "2", "3"]
    assert found.item_columns == {
        "title": ["One", "Two", None],
        "genres": [[], ["Comedy", "Drama"], None],
        "year": [None, 2001.0, None],
    }
    assert found.user_columns == {"zip": ["01234"], "age": [30.0]}
    assert "tags.csv is not read" in summary.warnings
    assert "movies.csv: 1 items have no interaction and are left out" in summary.warnings
    assert "movies.csv: 1 of 3 items with interactions have no row" in summary.warnings


def test_of_two_rows_of_one_item_the_first_counts(upload: Upload):
    files = {"a.csv": "user,item\na,1\n", "b.csv": "item,title\n1,first\n1,second\n"}
    summary = upload.put(files).read("interactions")
    assert upload.interactions().item_columns == {"title": ["first"]}
    assert "b.csv: 1 rows repeat an earlier item; the first row of each counts" in summary.warnings


def test_parquet_side_tables_keep_lists_and_numbers(upload: Upload):
    items = pa.table(
        {"item": [2, 1], "genres": [["A", "B"], None], "price": [1.5, None], "new": [True, False]}
    )
    upload.put({"a.csv": "user,item\na,1\na,2\n", "items.parquet": items}).read("interactions")
    assert upload.interactions().item_columns == {
        "genres": [None, ["A", "B"]],
        "price": [None, 1.5],
        "new": ["false", "true"],
    }


def test_what_is_no_number_in_a_side_table_is_missing_and_an_infinite_one_is_refused(upload: Upload):
    met = "user,item\na,1\na,2\n"
    prices = pa.table({"item": [2, 1], "price": [1e308, float("nan")]})
    upload.put({"a.csv": met, "items.parquet": prices}).read("interactions")
    assert upload.interactions().item_columns == {"price": [None, 1e308]}
    prices = pa.table({"item": [2, 1], "price": [1.5, float("inf")]})
    (error,) = upload.put({"a.csv": met, "items.parquet": prices}).refused("interactions")
    assert (error.file, error.row, error.column) == ("items.parquet", 2, "price")
    assert (error.wanted, error.came) == ("a finite number", "inf")


def test_movielens_100k_is_read_with_its_flags_and_latin_1(upload: Upload):
    flags = "|".join("1" if n in {5, 8} else "0" for n in range(19))
    files = {
        "u.data": b"196\t242\t3\t881250949\n186\t302\t3\t891717742\n",
        "u.item": f"242|Caf\xe9 (1996)|24-Jan-1997||http://x/|{flags}\n".encode("latin-1"),
        "u.user": b"196|49|M|writer|55105\n186|39|F|executive|00000\n",
    }
    upload.put(files).read("interactions")
    found = upload.interactions()
    assert found.item_columns == {
        "title": ["Caf\xe9 (1996)", None],
        "release_date": ["24-Jan-1997", None],
        "url": ["http://x/", None],
        "genres": [["Comedy", "Drama"], None],
    }
    assert found.user_columns["zip"] == ["55105", "00000"]
    assert found.user_columns["age"] == [49.0, 39.0]


def test_movielens_1m_is_read_with_its_double_colons(upload: Upload):
    files = {
        "ratings.dat": b"1::1193::5::978300760\n1::661::3::978302109\n",
        "movies.dat": b"1193::Star Wars: Episode IV::Action|Sci-Fi\n661::Am\xe9lie::Comedy\n",
        "users.dat": b"1::F::1::10::48067\n",
    }
    upload.put(files).read("interactions", format="movielens")
    found = upload.interactions()
    assert found.item_columns == {
        "title": ["Star Wars: Episode IV", "Am\xe9lie"],
        "genres": [["Action", "Sci-Fi"], ["Comedy"]],
    }
    assert found.user_columns["gender"] == ["F"]


def test_the_films_of_10m_are_utf_8(upload: Upload):
    files = {"ratings.dat": b"1::122::5::838985046\n", "movies.dat": "122::Amélie::Comedy\n".encode()}
    upload.put(files).read("interactions")
    assert upload.interactions().item_columns["title"] == ["Amélie"]


def test_a_double_colon_across_two_chunks_is_still_one(upload: Upload):
    line = b"1::1193::5::978300760\n"
    upload.put({"ratings.dat": line * 250_000}).read("interactions")
    assert len(upload.interactions()) == 250_000


@pytest.mark.parametrize(
    ("rows", "warning"),
    [
        (
            "a,x,1,978300760\nA,x,2,978300761\n",
            "1 user ids differ from another only in case or blanks around them",
        ),
        (
            "a,x,1,978300760\na,x ,2,978300761\n",
            "1 item ids differ from another only in case or blanks around them",
        ),
        ("a,x,0,978300760\na,y,2,978300761\n", "1 ratings are 0: 0 is read as a rating, not as none given"),
        ("a,x,1,-978300760\na,y,2,978300761\n", "1 times lie before 1970"),
        ("a,x,1,978300760\na,y,2,9978300761\n", "1 times lie in the future"),
        ("a,x,1,978300760\na,x,2,978300761\n", "1 rows repeat an earlier (user, item)"),
        ("a,x,1,978300760\na,y,1,978300761\n", "column rating is constant"),
        ("a,x,1,978300760\na,y,2,978300760\n", "column timestamp is constant"),
    ],
)
def test_what_looks_odd_is_said(upload: Upload, rows: str, warning: str):
    summary = upload.put({"a.csv": "user,item,rating,timestamp\n" + rows}).read("interactions")
    assert summary.warnings == (warning,)


def test_the_unit_of_times_is_told(upload: Upload):
    summary = upload.put({"a.csv": "user,item,time\na,x,978300760000\n"}).read("interactions")
    assert summary.notes == ("times of a.csv are read as milliseconds since 1970, UTC",)
