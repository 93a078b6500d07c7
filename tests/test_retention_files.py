"""Files that were taken and files that were moved aside, when retention comes."""

import time

from test_ingestion import HEADER, inbox
from test_retention import done, take, waiting

from spark_app import retention
from spark_app.intake import offered, records
from spark_app.storage import ledger


def test_files_that_were_taken_are_moved_aside_and_others_wait(settings):
    take(settings, "a.csv")
    take(settings, "shop/b.csv")
    take(settings, "changed.csv").write_text(f"{HEADER}\nbob,lamp,1,2026-01-01\n")
    (inbox(settings) / "new.csv").write_text(f"{HEADER}\neve,lamp,1,2026-01-01\n")
    (inbox(settings) / "odd.csv").write_text("odd\n1\n")
    assert "inbox: moved 2 taken files to taken/" in done(settings)
    aside = settings.data_dir / "taken"
    assert records.partition_of(aside / "shop" / "b.csv", settings.data_dir) == "taken/shop/b.csv"
    assert (aside / "a.csv").read_text() == f"{HEADER}\nann,lamp,1,2026-01-01\n"
    assert sorted(waiting(settings)) == ["changed.csv", "new.csv", "odd.csv"]


def test_a_file_of_another_input_stays_where_it_is(settings, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(f"{HEADER}\nann,lamp,1,2026-01-01\n")
    (file,) = offered.waiting(settings, other).good
    facts = {"bytes": file.bytes, "modified_at": file.modified_at, "sha256": file.sha256}
    ledger.account(settings, [], {file.partition: facts}, None)
    (inbox(settings) / "link.csv").symlink_to(other)
    done(settings)
    assert other.exists() and (inbox(settings) / "link.csv").exists()


def test_a_file_that_comes_again_under_its_name_is_known(settings):
    path = take(settings, "a.csv")
    done(settings)
    path.write_text(f"{HEADER}\nann,lamp,1,2026-01-01\n")
    assert waiting(settings) == []
    path.write_text(f"{HEADER}\nbob,chair,1,2026-01-01\n")
    (refused,) = offered.waiting(settings, inbox(settings)).refused
    assert refused.path == str(path) and "changed since it was taken" in refused.reason


def test_what_was_moved_aside_is_deleted_when_its_time_has_come(settings, monkeypatch):
    take(settings, "shop/a.csv")
    done(settings)
    assert done(settings) == []
    now = time.time()
    monkeypatch.setattr(retention.time, "time", lambda: now + 7.01 * 86_400)
    assert done(settings, dry_run=True) == ["taken: would delete 1 file, 0.1 kB"]
    assert done(settings) == ["taken: deleted 1 file, 0.1 kB"]
    assert list((settings.data_dir / "taken").iterdir()) == []


def test_with_no_days_to_keep_them_files_go_at_once(settings):
    take(settings, "a.csv")
    done(settings.model_copy(update={"taken_days": 0.0}))
    assert list((settings.data_dir / "taken").iterdir()) == []
