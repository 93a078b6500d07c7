"""Files as events: the same whether Spark reads the file or it was replayed, in their time, counted once."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import settings_for
from test_layouts import HEADERS
from test_send import held, run

from kafka_producer import replay
from kafka_producer.replay import Replayed, ReplayError, epoch_seconds
from spark_app import events, layouts, sources
from spark_app.blocks import Kafka
from spark_app.intake import offered

ROWS = {
    "online_retail": '536365,85123A," WHITE, ""HANGING"" ",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom',
    "online_retail_ii": "C489449,22087,PAPER BUNTING,-12,2009-12-01 10:33,2.95,16321.0,Australia",
    "rees46": "2019-11-01 00:00:00 UTC,view,1003461,2053013555631882655,,xiaomi,489.07,520088904,4d3b30da",
    "movielens": "1,1074638,7,1365029107",
    "plain": "ann,lamp,+2.,2026-01-31T09:30:00Z",
    "posts": '"ann","A new lamp,\nwith a shade",lamp.jpg,1769851800000',
    "browsing": "u1,News,Browser,a|b,example.org,1200,,10.0.0.1,Search,example.com",
}
BAD_ROWS = (
    "ann,lamp", ",lamp,1,", "ann,lamp,three,", "ann,lamp,1e400,", "ann,lamp,NaN,", "ann,lamp,1,yesterday", 'ann,"la',
)  # fmt: skip


def written(folder, name, *lines):
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def values(path):
    return [json.loads(event.value) for event in replay.replayed(path, {})]


@pytest.mark.parametrize("name", ROWS)
def test_a_row_becomes_the_event_that_its_layout_says(tmp_path, name):
    (event,) = values(written(tmp_path, "rows.csv", HEADERS[name], ROWS[name]))
    assert event["event_id"] == "rows.csv:0"
    assert event["user"] in ("17850", "16321", "520088904", "1", "ann", "u1")
    assert event.get("product", "") in ("85123A", "22087", "1003461", "1074638", "lamp", "example.org", "")


def test_numbers_and_parts_are_those_of_the_contract(tmp_path):
    (event,) = values(written(tmp_path, "rows.csv", HEADERS["online_retail"], ROWS["online_retail"]))
    assert event == {
        "event_id": "rows.csv:0",
        "user": "17850",
        "product": "85123A",
        "quantity": 6,
        "timestamp": "2010-12-01 08:26:00",
        "session_id": "536365",
        "price": 2.55,
        "product_data": {"name": 'WHITE, "HANGING"', "price": 2.55},
        "customer_data": {"location": "United Kingdom"},
    }


@pytest.fixture(scope="module")
def both_ways(spark, tmp_path_factory):
    """The rows above, read by Spark as CSV and as what replaying them gives: {(file, position): judged row}, twice."""
    home = tmp_path_factory.mktemp("both")
    (home / "csv").mkdir(), (home / "json").mkdir()
    for name, header in HEADERS.items():
        written(home / "csv", f"{name}.csv", header, ROWS[name], *(BAD_ROWS if name == "plain" else ()))
    for path in (home / "csv").iterdir():
        lines = [event.value for event in replay.replayed(path, {})]
        (home / "json" / f"{path.stem}.jsonl").write_bytes(b"\n".join(lines))
    return judged(spark, home / "csv"), judged(spark, home / "json")


def judged(spark, folder):
    looked_at = offered.look_at(settings_for(folder), map(str, folder.iterdir()), {})
    assert not looked_at.refused
    headers = {file.header: layouts.recognise(file.header, {}) for file in looked_at.good if file.header}
    types = ("view", "purchase", "rate")
    raw = sources.read(spark, settings_for(folder), looked_at.good, 1)
    rows = events.judge(raw, headers=headers, event_types=types, now=datetime.now(UTC)).collect()
    own = ("event_id", "source", "partition", "position", "received_at", "value", "header")
    return {
        (Path(row.partition).stem, row.position): {k: v for k, v in row.asDict(True).items() if k not in own}
        for row in rows
    }


def test_a_replayed_file_gives_the_events_that_the_file_itself_gives(both_ways):
    as_csv, as_json = both_ways
    assert len(as_csv) == len(ROWS) + len(BAD_ROWS)
    accepted = {place: row for place, row in as_csv.items() if row["reason"] is None}
    assert len(accepted) == len(ROWS)
    # It says no time, and each of the two files has its own.
    del accepted["browsing", 0]["occurred_at"], as_json["browsing", 0]["occurred_at"]
    assert {place: as_json[place] for place in accepted} == accepted


def test_what_is_wrong_with_a_row_is_still_wrong_when_replayed(both_ways):
    as_csv, as_json = both_ways
    reasons = {place: row["reason"] for place, row in as_csv.items() if row["reason"]}
    assert sorted(set(reasons.values())) == ["bad_quantity", "bad_row", "bad_timestamp", "missing_user"]
    # A row that cannot be cut into cells goes out as it is, and is no JSON.
    expected = {place: reason.replace("bad_row", "not_json") for place, reason in reasons.items()}
    assert {place: row["reason"] for place, row in as_json.items() if row["reason"]} == expected


def test_json_lines_stay_as_they_are_but_for_an_id(tmp_path):
    lines = [
        '{"user": "ann",  "product": "lamp", "quantity": 1.50}',
        '{"event_id": "own", "user": "ann"}',
        '{"user": "ann", "event_id": null}',
        "{}",
        "no json",
        '["ann"]',
        '{"user": "ann", "user": "bob"}',
    ]
    sent = [event.value.decode() for event in replay.replayed(written(tmp_path, "a.jsonl", *lines), {})]
    assert sent == [
        '{"event_id":"a.jsonl:0","user": "ann",  "product": "lamp", "quantity": 1.50}',
        '{"event_id": "own", "user": "ann"}',
        '{"user":"ann","event_id":"a.jsonl:2"}',
        '{"event_id":"a.jsonl:3"}',
        "no json",
        '["ann"]',
        '{"event_id":"a.jsonl:6","user": "ann", "user": "bob"}',
    ]


def test_a_zipped_file_is_read_as_it_is(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"user,product\nann,lamp\n"))
    assert values(path) == [{"event_id": "a.csv.gz:0", "user": "ann", "product": "lamp"}]


def test_an_own_mapping_names_the_columns_of_an_unknown_header(tmp_path):
    path = written(tmp_path, "a.csv", "Kunde,Artikel,Farbe", "ann,lamp,red")
    (event,) = (json.loads(event.value) for event in replay.replayed(path, {"user": "Kunde", "product": "Artikel"}))
    assert (event["user"], event["product"], event["properties"]) == ("ann", "lamp", {"Farbe": "red"})


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        ("2026-01-31T09:30:00Z", 1769851800.0),
        ("2026-01-31 09:30:00 UTC", 1769851800.0),
        ("2026-01-31 09:30", 1769851800.0),
        ("2026-01-31T10:30:00,5+01:00", 1769851800.5),
        (1769851800, 1769851800.0),
        ("1769851800500", 1769851800.5),
        ("yesterday", None),
        ("", None),
        ("1e400", None),
    ],
)
def test_times_are_read_as_the_contract_says(timestamp, seconds):
    assert epoch_seconds(timestamp) == seconds


def test_gaps_are_kept_divided_by_the_speedup_and_never_go_backwards():
    times = [1000.0, 1060.0, None, 1030.0, 1090.0]
    due = [when for when, _ in replay.in_time((Replayed(b"", None, time) for time in times), speedup=60)]
    assert due == [0.0, 1.0, 1.0, 1.0, 2.0]


def test_two_files_of_one_name_are_refused(tmp_path):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    for folder in "ab":
        written(tmp_path / folder, "sales.csv", "user,product")
    with pytest.raises(ReplayError, match="have one name"):
        replay.files_of([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(ReplayError, match="nowhere does not exist"):
        replay.files_of([tmp_path / "nowhere"])


@pytest.mark.kafka
def test_the_command_sends_a_file_and_a_second_time_the_same_ids(kafka, tmp_path):
    path = written(tmp_path, "a.csv", "user,product,timestamp", "ann,lamp,10", "bob,lamp,70", "ann,chair,130")
    for options in (("--speedup", 120), ("--rate", 100)):
        done = run(kafka, "replay", path, *options)
        said = done.communicate(timeout=60)[1]
        assert done.returncode == 0, said
        assert "3 messages sent" in said
    sent = [json.loads(value) for partition in held(kafka).values() for _, value in partition]
    assert sorted(event["event_id"] for event in sent) == sorted(2 * ["a.csv:0", "a.csv:1", "a.csv:2"])
    for partition in held(kafka).values():
        assert all(json.loads(value)["user"].encode() == key for key, value in partition)


def test_the_command_writes_into_the_inbox_and_leaves_alone_what_is_there(tmp_path):
    path = written(tmp_path, "a.csv", "user,product", "ann,lamp")
    for ended in ("written", "nothing written"):
        done = run(Kafka(), "replay", path, "--to", "files", "--inbox", tmp_path / "inbox")
        assert done.communicate(timeout=60)[1].strip().endswith(ended)
        assert done.returncode == 0
    assert values(tmp_path / "inbox" / "a.csv.jsonl") == [{"event_id": "a.csv:0", "user": "ann", "product": "lamp"}]


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("nowhere.csv",), 1, "nowhere.csv does not exist"),
        ((__file__, "--rate", 1, "--speedup", 2), 2, "--rate and --speedup exclude each other"),
        ((__file__, "--rate", 0), 2, "--rate is 0, expected"),
        ((__file__, "--to", "files"), 2, "--inbox"),
        ((__file__, "--to", "files", "--inbox", "/nowhere/at/all"), 1, "unknown header"),
    ],
)
def test_a_wrong_call_is_one_line(arguments, code, named):
    done = run(Kafka(bootstrap_servers="localhost:1"), "replay", *arguments)
    said = done.communicate(timeout=60)[1]
    assert (done.returncode, len(said.splitlines())) == (code, 1)
    assert named in said
