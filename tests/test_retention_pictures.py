"""What was read in pictures goes with the last post that names them, as old events go. No Spark."""

import pytest
from conftest import settings_for
from remembered import pictures
from test_forgetting_pictures import left
from test_tail import add

from spark_app import retention
from spark_app.storage import interest_files


@pytest.fixture
def settings(tmp_path):
    """old.png is named on day 0, both.png then and on day 9, bought.png by a purchase alone."""
    settings = settings_for(tmp_path, retention_days=5)
    for day, name in ((0, " old.png"), (0, "both.png"), (9, "both.png "), (8, "new.png")):
        add(settings, day, event_type="post", image=name)
    add(settings, 9, image="bought.png")
    said = {name: (f"{name}.png", f"words of {name}") for name in ("old", "both", "new", "bought")}
    parts = {"a.parquet": [said["old"], said["both"]], "b.parquet": [said["new"]], "c.parquet": [said["bought"]]}
    pictures(interest_files.seen(settings), parts)
    return settings


def lines(settings, **how):
    """What a run says of pictures."""
    told = []
    retention.run(settings, told.append, **how)
    return [line for line in told if line.startswith("pictures")]


def test_only_what_a_post_that_is_kept_names_stays(settings):
    assert lines(settings) == [
        "pictures: removed what was read in 1, which no post names, from seen/a.parquet",
        "pictures: removed what was read in 1, which no post names, from seen/c.parquet",
    ]
    assert left(settings) == {"a.parquet": ["both.png"], "b.parquet": ["new.png"]}
    assert lines(settings) == []


def test_a_dry_run_counts_what_would_go_with_the_old_posts(settings):
    before = left(settings)
    assert lines(settings, dry_run=True) == ["pictures: would remove what was read in 2, which no post names"]
    assert left(settings) == before


def test_a_file_that_cannot_be_read_goes_and_is_named(settings):
    (interest_files.seen(settings) / "d.parquet").write_bytes(b"words")
    assert "pictures: removed what cannot be read, seen/d.parquet" in lines(settings)
    assert "d.parquet" not in left(settings)
