"""What a bucket holds as one file of this machine, and back into a folder; nothing is restored into a bucket."""

import interested
import pytest
import segmented
from conftest import settings_for
from mirrored import put
from test_published_on_s3 import finished
from test_tables_on_s3 import add

from spark_app import dumps, generations
from spark_app.storage import archive, bucket, interest_files, ledger, segment_files, tables
from spark_app.storage.archive import WrongDumpError
from spark_app.storage.tables import EVENTS


@pytest.fixture
def shop(on_s3):
    settings = on_s3()
    add(settings, 0, 1, query="sales")
    bucket.write(settings.place(settings.data_dir / "inbox" / "new.csv"), b"user,product\nann,lamp\n")
    generations.publish(settings, finished(settings, events_version=0))
    add(settings, 2)
    segmented.of(settings)
    interested.keep(settings)
    return settings


def test_another_machine_dumps_it_and_a_folder_has_it_all(shop, on_s3, tmp_path):
    dumps.write(on_s3("two"), tmp_path / "shop.tar")
    near = settings_for(tmp_path / "near")
    dumps.restore(near, tmp_path / "shop.tar", archive.checked(tmp_path / "shop.tar"))
    assert (tables.rows(near, EVENTS), ledger.counts(near)) == (3, ledger.counts(shop))
    assert tables.last_batch(near, EVENTS, "sales") == 0 and tables.opened(near, EVENTS, 0).version() == 0
    assert generations.published(near).id == generations.published(shop).id
    assert not generations.fault_on_disk(generations.published(near))
    assert segment_files.latest(near, "behaviour").id == segment_files.latest(shop, "behaviour").id
    assert interest_files.latest(near).summary == interest_files.latest(shop).summary
    assert [path.name for path in (near.data_dir / "inbox").iterdir()] == ["new.csv"]


def test_what_is_restored_goes_on_in_a_bucket_where_it_is_copied(shop, on_s3, tmp_path):
    dumps.write(shop, tmp_path / "shop.tar")
    near = settings_for(tmp_path / "near")
    dumps.restore(near, tmp_path / "shop.tar", archive.checked(tmp_path / "shop.tar"))
    far = on_s3("three", data_dir=f"{shop.told(shop.data_dir)}-again")
    put(near.data_dir, far.place(far.data_dir))
    assert generations.published(far).id == generations.published(shop).id
    add(far, 3)
    assert (tables.rows(far, EVENTS), ledger.counts(far).accepted) == (4, 4)


def test_nothing_is_restored_into_a_bucket_and_words_say_the_way(shop, on_s3, tmp_path):
    dumps.write(shop, tmp_path / "shop.tar")
    empty = on_s3("two", data_dir=f"{shop.told(shop.data_dir)}-again")
    with pytest.raises(WrongDumpError, match="does not write into a bucket: restore into a folder of this machine"):
        dumps.refuse_filled(empty)
    assert not bucket.listed(empty.place(empty.data_dir))
