import csv
import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_app.intake import records


def read(tmp_path, content, header=None, name="file.csv"):
    """(value, position) of every record of a file with this content."""
    path = tmp_path / name
    path.write_bytes(content)
    return read_path(path, header)


def read_path(path, header):
    with records._opened(str(path)) as file:
        return list(records._records(file, header is not None))


def test_lines_end_as_they_like_and_blank_ones_are_not_read(tmp_path):
    assert read(tmp_path, b"one\ntwo\r\n\n  \nthree") == [b"one", b"two", b"three"]


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    assert read(tmp_path, b"\xef\xbb\xbfone\ntwo\n") == [b"one", b"two"]


def test_the_header_is_not_a_record(tmp_path):
    assert read(tmp_path, b"user,product\nann,lamp\n", "user,product") == [b"ann,lamp"]


def test_a_quoted_cell_may_hold_commas_quotes_and_line_breaks(tmp_path):
    rows = b'user,product\nann,"a ""b"",\nc"\nbob,lamp\n'
    assert read(tmp_path, rows, "user,product") == [b'ann,"a ""b"",\nc"', b"bob,lamp"]


def test_a_quote_that_is_never_closed_costs_its_own_line_only(tmp_path):
    rows = b'user,product\nann,"lamp\n' + b"bob,lamp\n" * 80
    found = read(tmp_path, rows, "user,product")
    assert found[0] == b'ann,"lamp' and found[1:] == [b"bob,lamp"] * 80


def test_a_quote_inside_a_cell_opens_nothing(tmp_path):
    rows = b'user,product\nann,5" nail\nbob,lamp\n'
    assert read(tmp_path, rows, "user,product") == [b'ann,5" nail', b"bob,lamp"]


def test_gzip_is_read_as_it_is(tmp_path):
    assert read(tmp_path, gzip.compress(b"one\ntwo\n"), name="file.csv.gz") == [b"one", b"two"]


def test_a_gzip_file_cut_short_is_noticed_before_it_is_taken(tmp_path):
    path = tmp_path / "file.csv.gz"
    path.write_bytes(gzip.compress(b"one\n" * 10_000)[:-20])
    with pytest.raises(EOFError):
        records.ensure_whole(str(path))


def test_an_endless_line_is_cut_and_its_neighbours_live(tmp_path):
    found = read(tmp_path, b"x" * (records._LINE_LIMIT + 10) + b"\nnext\n")
    assert [len(record) for record in found] == [records._LINE_LIMIT, 4]


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=8)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6))
def test_rows_written_as_csv_come_back_one_by_one(tmp_path_factory, rows):
    written = io.StringIO()
    csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([("user", "product"), *rows])
    path = tmp_path_factory.mktemp("rows") / "file.csv"
    path.write_bytes(written.getvalue().encode())
    back = [next(csv.reader(io.StringIO(record.decode(), newline=""))) for record in read_path(path, "user,product")]
    assert back == [list(row) for row in rows]
