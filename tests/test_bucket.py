"""Objects on a local S3: whole or not at all, and put only where what is there is what was expected."""

import sys

import pytest

from spark_app.storage import bucket
from spark_app.storage.bucket import ConflictError
from spark_app.storage.places import Place


@pytest.fixture
def place(on_s3):
    settings = on_s3()
    return settings.place(settings.data_dir)


def test_what_is_written_is_read_and_gone_once_it_is_removed(place):
    bucket.write(place / "a", b"lamp")
    assert bucket.read(place / "a") == b"lamp" and bucket.entry(place / "a").bytes == 4
    bucket.remove(place / "a")
    assert bucket.text(place / "a") == "" and bucket.entry(place / "a") is None
    with pytest.raises(FileNotFoundError, match=r"s3a://.*/data/a"):
        bucket.read(place / "a")


def test_only_the_first_is_written_where_nothing_is(place):
    bucket.write_new(place / "lock", b"first")
    with pytest.raises(ConflictError):
        bucket.write_new(place / "lock", b"second")
    assert bucket.read(place / "lock") == b"first"


def test_what_has_changed_since_is_neither_written_over_nor_removed(place):
    seen = bucket.write_new(place / "lock", b"first")
    newer = bucket.write_over(place / "lock", b"second", seen)
    with pytest.raises(ConflictError):
        bucket.write_over(place / "lock", b"third", seen)
    with pytest.raises(ConflictError):
        bucket.remove(place / "lock", seen)
    bucket.remove(place / "lock", newer)
    with pytest.raises(ConflictError):
        bucket.write_over(place / "lock", b"fourth", newer)


def test_a_folder_goes_there_and_comes_back(place, tmp_path):
    names = ["a", "deep/b", "ünï, x=1"]
    for name in names:
        path = tmp_path / "from" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    bucket.send_all(tmp_path / "from", place / "f", names)
    bucket.write(place / "further", b"")
    assert sorted(bucket.listed(place / "f")) == names
    bucket.fetch_all(place / "f", tmp_path / "to", names)
    assert [(tmp_path / "to" / name).read_text() for name in names] == names
    bucket.remove_all(place / "f", names)
    assert list(bucket.listed(place)) == ["further"]


def test_what_a_file_is_marked_with_is_kept(place, tmp_path):
    (tmp_path / "a").write_text("a")
    bucket.send(tmp_path / "a", place / "a", {"dated": "1.5"})
    assert bucket.entry(place / "a").marks == {"dated": "1.5"}


def test_a_bucket_that_is_not_there_is_no_empty_one(place):
    with pytest.raises(ConnectionError, match="s3a://nobody/a: NoSuchBucket"):
        bucket.listed(place._replace(bucket="nobody", key="a"))


def test_without_boto3_it_is_one_line_that_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    bucket._client.cache_clear()
    with pytest.raises(OSError, match=r"boto3 is not installed, which s3a:// needs: .* -r requirements-s3\.txt"):
        bucket.read(Place("shop", "a"))
    bucket._client.cache_clear()
