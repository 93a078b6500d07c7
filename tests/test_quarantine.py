"""Replaying quarantine: each record moved once, the books always right, however often it is killed."""

import json

import pytest
from test_ingestion import inbox, lines

from spark_app import ingestion, quarantine
from spark_app.intake import offered
from spark_app.quarantine import Replayed
from spark_app.running import failpoints
from spark_app.storage import ledger, tables
from spark_app.store import MostlyRejectedError

WISHES = [{"event_id": f"w{number}", "event_type": "wish"} for number in range(3)]


class KilledError(Exception):
    """In the place of SIGKILL, within one process."""


@pytest.fixture
def rejected(spark, settings):
    """Three wishes, one of them twice, and two lines of nonsense in quarantine; one sound event."""
    text = lines({"event_id": "good"}, *WISHES, WISHES[0]) + "nonsense\nmore of it\n"
    (inbox(settings) / "a.jsonl").write_text(text)
    ingestion.take_files(spark, settings, inbox(settings))
    return settings.model_copy(update={"weights": settings.weights | {"wish": 2.0}})


def books(settings):
    counts = ledger.counts(settings)
    assert counts.read == counts.accepted + counts.duplicates + sum(counts.rejected.values())
    assert not ledger.is_cut_short(settings)
    return counts.read, counts.accepted, counts.duplicates, counts.rejected


def event_ids(settings):
    return sorted(tables.scan(settings, tables.EVENTS, ["event_id"])["event_id"].to_pylist())


@pytest.mark.slow
def test_what_passes_now_is_moved_once_and_counted_once(spark, rejected):
    assert books(rejected) == (7, 1, 0, {"not_json": 2, "bad_event_type": 4})
    assert quarantine.replay(spark, rejected) == Replayed(3, 1, 2)
    assert books(rejected) == (7, 4, 1, {"not_json": 2})
    assert event_ids(rejected) == ["good", "w0", "w1", "w2"]
    assert quarantine.replay(spark, rejected) == Replayed(0, 0, 2)
    assert books(rejected) == (7, 4, 1, {"not_json": 2})


@pytest.mark.slow
def test_one_whose_id_came_meanwhile_is_a_duplicate(spark, rejected):
    (inbox(rejected) / "b.jsonl").write_text(lines({"event_id": "w1"}))
    ingestion.take_files(spark, rejected, inbox(rejected))
    assert quarantine.replay(spark, rejected) == Replayed(2, 2, 2)
    assert books(rejected) == (8, 4, 2, {"not_json": 2})


@pytest.mark.slow
def test_only_the_reason_and_the_source_that_were_asked_for(spark, rejected):
    assert quarantine.replay(spark, rejected, reason="not_json") == Replayed(0, 0, 2)
    assert quarantine.replay(spark, rejected, source="kafka:sales") == Replayed(0, 0, 0)
    assert quarantine.replay(spark, rejected, reason="bad_event_type", source="files") == Replayed(3, 1, 0)


@pytest.mark.slow
def test_a_file_that_was_replayed_is_still_taken(spark, rejected):
    quarantine.replay(spark, rejected)
    assert ingestion.take_files(spark, rejected, inbox(rejected)).read == 0
    assert offered.waiting(rejected, inbox(rejected)).refused == []


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("place", "words"),
    [("replay_before_ledger", "the ledger"), ("replay_before_removal", "quarantine is emptied")],
    ids=["ledger", "quarantine"],
)
def test_a_replay_that_is_killed_is_carried_to_its_end(spark, rejected, monkeypatch, report, place, words):
    def reach(name):
        if name == place:
            raise KilledError

    with monkeypatch.context() as armed, pytest.raises(KilledError):
        armed.setattr(failpoints, "reach", reach)
        quarantine.replay(spark, rejected)
    assert quarantine.is_open(rejected)
    assert quarantine.finish(spark, rejected) == Replayed(3, 1, 0)
    assert books(rejected) == (7, 4, 1, {"not_json": 2})
    held, expected = event_ids(rejected), ["good", "w0", "w1", "w2"]
    report(f"killed in a replay, before {words}", 1, len(set(expected) - set(held)), len(held) - len(set(held)))
    assert held == expected
    assert not quarantine.is_open(rejected)


@pytest.mark.chaos
def test_a_batch_that_is_mostly_bad_stops_and_nothing_of_it_is_taken(spark, settings):
    wrong = inbox(settings) / "log.jsonl"
    wrong.write_text("".join(f"{json.dumps({'level': 'INFO', 'line': number})}\n" for number in range(90)) + "x\n" * 30)
    with pytest.raises(MostlyRejectedError, match=r"120 of 120 records of inbox/log.jsonl.*90 missing_user.*SHARE=1"):
        ingestion.take_files(spark, settings, inbox(settings))
    assert not tables.exists(settings, tables.QUARANTINE)
    lifted = settings.model_copy(update={"max_rejected_share": 1.0})
    assert ingestion.take_files(spark, lifted, inbox(settings)).rejected == {"missing_user": 90, "not_json": 30}
    books(settings)
