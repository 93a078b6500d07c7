"""What was read in pictures goes with the user who alone posted them, however often that is broken off. No Spark."""

import pyarrow.parquet as pq
import pytest
from conftest import settings_for
from remembered import pictures
from test_tail import add

from spark_app.forgetting import run
from spark_app.running import failpoints
from spark_app.storage import interest_files


class Killed(BaseException):
    """In the place of SIGKILL, within one process."""


@pytest.fixture
def settings(tmp_path):
    """ann and bob post both.png, ann alone hers.png, of which bob does no more than buy what it shows; old.png none."""
    settings = settings_for(tmp_path)
    add(settings, 0, user="ann", event_type="post", image=" hers.png ")
    add(settings, 1, user="ann", event_type="post", image="both.png")
    add(settings, 2, user="bob", event_type="post", image="both.png ")
    add(settings, 3, user="bob", image="hers.png")
    said = {name: (f"{name}.png", f"words of {name}") for name in ("hers", "both", "old")}
    parts = {"a.parquet": [said["hers"], said["both"]], "b.parquet": [said["hers"]], "c.parquet": [said["old"]]}
    pictures(interest_files.seen(settings), parts)
    return settings


def left(settings):
    """File -> pictures whose words are kept."""
    files = sorted(interest_files.seen(settings).glob("*.parquet"))
    return {path.name: pq.read_table(path)["image"].to_pylist() for path in files}


def test_words_stay_of_pictures_that_another_posted_and_of_no_others(settings):
    receipt = run.forget(settings, "ann")
    assert left(settings) == {"a.parquet": ["both.png"]}
    assert receipt.removed == {"events": 2, "seen/a.parquet": 1, "seen/b.parquet": 1, "seen/c.parquet": 1}
    assert run.forget(settings, "bob").removed == {"events": 2, "seen/a.parquet": 1}
    assert [path.name for path in interest_files.seen(settings).iterdir()] == []


def test_killed_in_between_the_same_command_removes_the_rest_and_the_receipt_tells_all(settings, monkeypatch):
    def reach(name):
        if name == "forget_between_pictures":
            raise Killed

    for _ in range(2):
        with monkeypatch.context() as armed, pytest.raises(Killed):
            armed.setattr(failpoints, "reach", reach)
            run.forget(settings, "ann")
    receipt = run.forget(settings, "ann")
    assert left(settings) == {"a.parquet": ["both.png"]}
    assert receipt.removed == {"events": 2, "seen/a.parquet": 1, "seen/b.parquet": 1, "seen/c.parquet": 1}


def test_what_cannot_be_read_and_what_a_killed_run_has_left_goes(settings):
    home = interest_files.seen(settings)
    (home / "d.parquet").write_bytes(b"hers.png")
    (home / ".a.parquet.without").write_bytes(b"hers.png")
    (home / "_temporary" / "0").mkdir(parents=True)
    receipt = run.forget(settings, "ann")
    assert "seen/d.parquet" in receipt.deleted
    assert sorted(path.name for path in home.iterdir()) == ["a.parquet"]


def test_of_a_user_who_posted_nothing_all_words_stay(settings):
    run.forget(settings, "ann")
    before = left(settings)
    assert not run.forget(settings, "eve").held and left(settings) == before
