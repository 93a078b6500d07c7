"""Files of a bucket that are offered: brought once, called by their place, and gone when they are taken."""

from datetime import UTC, datetime

import pytest

from spark_app import status
from spark_app.intake import offered
from spark_app.storage import arrivals, bucket, ledger

SALES = b"user,product,quantity,timestamp\nann,lamp,1,2026-01-01\n"


def put(settings, name, content=SALES):
    place = settings.place(settings.data_dir / "inbox" / name)
    bucket.write(place, content)
    return place


def take(settings, file):
    """Let the ledger know a file as taken."""
    facts = {"bytes": file.bytes, "modified_at": file.modified_at, "sha256": file.sha256}
    ledger.account(settings, [], {file.partition: facts}, None)


def test_a_new_file_is_brought_and_called_by_its_place_below_the_data_folder(on_s3):
    settings = on_s3()
    place, inbox = put(settings, "shop/a.csv"), settings.data_dir / "inbox"
    assert status.lag(settings) == {"files": 1, "refused": 0}
    arrivals.follow(settings, inbox)
    (file,) = offered.waiting(settings, inbox).good
    assert (file.partition, file.bytes) == ("inbox/shop/a.csv", len(SALES))
    assert file.modified_at == bucket.entry(place).modified_at.astimezone(UTC)


def test_what_was_taken_is_neither_waiting_nor_kept_here_nor_brought_by_another_machine(on_s3):
    ours, theirs = on_s3("one"), on_s3("two")
    put(ours, "a.csv")
    arrivals.follow(ours, ours.data_dir / "inbox")
    take(ours, *offered.waiting(ours, ours.data_dir / "inbox").good)
    for settings in (ours, theirs):
        arrivals.follow(settings, settings.data_dir / "inbox")
        assert status.lag(settings)["files"] == 0
        assert not [path for path in (settings.data_dir / "inbox").rglob("*") if path.is_file()]


def test_a_file_that_changed_after_it_was_taken_is_refused_by_name(on_s3):
    settings = on_s3()
    put(settings, "a.csv")
    arrivals.follow(settings, settings.data_dir / "inbox")
    (file,) = offered.waiting(settings, settings.data_dir / "inbox").good
    take(settings, file._replace(modified_at=datetime(2026, 1, 1, tzinfo=UTC)))
    put(settings, "a.csv", SALES + b"bob,lamp,1,2026-01-02\n")
    arrivals.follow(settings, settings.data_dir / "inbox")
    (refused,) = offered.waiting(settings, settings.data_dir / "inbox").refused
    assert "it has changed since it was taken" in refused.reason


@pytest.mark.parametrize("asked", ["others/a.csv", "others"])
def test_a_place_that_is_named_is_called_by_its_whole_name(on_s3, asked):
    settings = on_s3()
    home = settings.place(settings.data_dir)._replace(key="")
    bucket.write(home / "others/a.csv", SALES)
    path = arrivals.here(settings, f"{home}/{asked}")
    (file,) = offered.waiting(settings, path).good
    assert file.partition == f"{home}/others/a.csv"


def test_an_input_that_is_not_there_is_no_file(on_s3):
    settings = on_s3()
    assert not arrivals.here(settings, settings.told(settings.data_dir / "nothing")).exists()


def test_what_a_cluster_found_in_the_bucket_is_brought_and_called_by_its_copy(on_s3):
    settings = on_s3()
    place, inbox = put(settings, "shop/a b.csv"), settings.data_dir / "inbox"
    assert arrivals.brought(settings, inbox, [str(place), "/srv/b.csv"]) == [str(inbox / "shop/a b.csv"), "/srv/b.csv"]
    assert (inbox / "shop/a b.csv").read_bytes() == SALES


def test_an_empty_inbox_is_there_and_what_says_so_is_no_file_that_waits(on_s3):
    settings = on_s3()
    inbox = settings.data_dir / "inbox"
    for _ in range(2):
        arrivals.ensure_there(settings, inbox)
    assert len(bucket.listed(settings.place(inbox))) == 1
    assert (arrivals.waiting(settings, inbox), status.lag(settings)["files"]) == (0, 0)
    arrivals.follow(settings, inbox)
    assert offered.listed(inbox) == []
