"""What is posted: judged record by record as the stream would, kept once, answered one by one."""

import json
from datetime import datetime
from threading import Thread

import pytest
from cases import CASES, NOW
from conftest import settings_for
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from spark_app import rules
from spark_app.intake import checks
from spark_app.schemas import EVENT_WEIGHTS
from spark_app.serving import inbox, posted, segment
from spark_app.serving.inbox import Inbox, NotKeptError
from spark_app.serving.receiving import Answer, NotJsonError, Receiver, RecentIds, TooManyError, records_of

PRESENT = datetime.fromisoformat(NOW)
LATER = 60.0
ANN = b'{"user": "ann", "product": "lamp", "event_id": "a"}'
BOB = b'{"user": "bob", "product": "lamp", "event_id": "b"}'
TWICE = b'{"user": "ann", "user": "bob", "product": "lamp"}'


@pytest.fixture
def receiver(settings):
    with inbox.opened(settings, LATER, gathering=LATER) as box:
        yield Receiver(settings, box, RecentIds(), most=500)


def kept(settings):
    """Lines in the inbox, those of the open segment too."""
    return [line for path in segment.found(settings.data_dir / "inbox") for line in segment.lines(path)]


def statuses(received):
    return [answer.reason or answer.status for answer in received.answers]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (ANN, [ANN]),
        (b" \r\n" + ANN + b"\t\n", [ANN]),
        (b"\xef\xbb\xbf" + ANN, [ANN]),
        (b'{\n"user": "ann",\n"product": "lamp"\n}\n', [b'{\n"user": "ann",\n"product": "lamp"\n}']),
        (b"[" + ANN + b"," + BOB + b"]", [ANN, BOB]),
        (b"\n[ " + ANN + b" ,\n" + BOB + b"\n]\n", [ANN, BOB]),
        (b"[]", []),
        (b"[ ]", []),
        (b'[1, "two", null, [3], ' + TWICE + b"]", [b"1", b'"two"', b"null", b"[3]", TWICE]),
        (b"[" + ANN + b', {"user": "an\xff"}]', [ANN, b'{"user": "an\xff"}']),
        (b'[{"user": "\\ud83d"}, {"x": NaN}, {"x": "\t"}]', [b'{"user": "\\ud83d"}', b'{"x": NaN}', b'{"x": "\t"}']),
        (ANN + b"\n" + BOB, [ANN, BOB]),
        (b"\xef\xbb\xbf" + ANN + b"\r\n\r\n  \n" + BOB + b"\n", [ANN, BOB]),
        (b"no JSON\n" + ANN + b" more\n" + BOB + b"\n\xff\n", [b"no JSON", ANN + b" more", BOB, b"\xff"]),
        (b"17", [b"17"]),
    ],
)
def test_a_body_is_an_object_an_array_or_lines_and_each_record_has_just_its_bytes(body, expected):
    assert records_of(body) == expected


@pytest.mark.parametrize(
    "body",
    [b"", b" \n", b"user=ann&product=lamp", ANN[:-5], ANN + BOB, b"[" + ANN, b"[" + ANN + b",]", b"[" + ANN + b"] 1",
     b"[" + ANN + BOB + b"]", b"user,product\nann,lamp\n", b"\xff\xfe\n\x00", b"[" * 500_000, b"1 2"],
)  # fmt: skip
def test_a_body_that_is_no_json_at_all_is_named(settings, receiver, body):
    with pytest.raises(NotJsonError, match="expected a JSON object, an array of them, or one in each line"):
        receiver.receive(body)
    assert kept(settings) == []


@pytest.mark.parametrize(("name", "record", "reason"), CASES, ids=[name for name, *_ in CASES])
def test_each_record_is_answered_as_the_stream_judges_it_and_its_neighbour_lives(receiver, name, record, reason):
    answers = receiver.receive(ANN + b"\n" + record, PRESENT).answers
    assert answers[0].status == "accepted"
    assert [answer.reason for answer in answers[1:]] == ([reason] if record else []), name


def test_what_is_accepted_is_kept_as_a_line_that_is_the_same_event(settings, receiver):
    said = {"user": "ann", "product": "lamp", "price": 3, "quantity": 2, "timestamp": "2026-06-01 10:00 UTC"}
    said["product_data"] = {"brand": "Oak", "category": "Home", "name": "Lamp", "in_stock": 1}
    received = receiver.receive(json.dumps(said).encode(), PRESENT)
    (answer,), (event,), (line,) = received.answers, received.events, kept(settings)
    assert answer == Answer("accepted", event.event_id)
    assert event._replace(event_id="") == (
        "", "ann", "lamp", "purchase", 2.0, None, 1_780_308_000_000_000, 3.0, "Oak", "Home", "Lamp", True,
    )  # fmt: skip
    again = checks.judge(line, event_types=tuple(EVENT_WEIGHTS), now=PRESENT, received_at=PRESENT)
    assert posted.of(again.event) == (event, line)


def test_the_price_of_a_product_stands_above_the_price_that_was_paid(receiver):
    body = b'{"user": "ann", "product": "lamp", "price": 3, "product_data": {"price": 0}}'
    assert receiver.receive(body).events[0].price == 0.0


def test_a_body_posted_again_is_duplicates_and_nothing_is_written(settings, receiver):
    body = b"[" + ANN + b"," + BOB + b"]"
    assert statuses(receiver.receive(body)) == ["accepted", "accepted"]
    before = kept(settings)
    again = receiver.receive(body)
    assert again.answers == [Answer("duplicate", "a"), Answer("duplicate", "b")]
    assert again.events == [] and kept(settings) == before


def test_of_one_id_in_a_body_the_first_that_is_good_wins(settings, receiver):
    records = [{"user": "ann", "event_id": "a"}, *({"user": user, "product": "x", "event_id": "a"} for user in "bc")]
    received = receiver.receive(json.dumps(records).encode())
    assert statuses(received) == ["missing_product", "accepted", "duplicate"]
    assert [event.user for event in received.events] == ["b"] and len(kept(settings)) == 1


def test_one_without_an_id_is_given_one_and_is_another_event_each_time(receiver):
    record = b'{"user": "ann", "product": "lamp"}'
    received = receiver.receive(record + b"\n" + record)
    assert statuses(received) == ["accepted", "accepted"]
    assert len({answer.event_id for answer in received.answers}) == 2


def test_ids_that_the_event_table_has_are_duplicates(settings):
    known = RecentIds()
    known.add(["a"])
    with inbox.opened(settings, LATER, gathering=LATER) as box:
        assert statuses(Receiver(settings, box, known).receive(ANN + b"\n" + BOB)) == ["duplicate", "accepted"]


def test_of_many_ids_the_last_are_remembered():
    known = RecentIds(most=3)
    assert known.add(["a", "b", "a"]) == {"a", "b"}
    assert known.add(["b", "c", "d"]) == {"c", "d"}
    assert [name in known for name in "abcd"] == [False, True, True, True]


def test_the_same_body_from_many_threads_at_once_is_accepted_once(receiver):
    found = []
    body = b"\n".join(b'{"user": "ann", "product": "lamp", "event_id": "e%d"}' % number for number in range(20))
    threads = [Thread(target=lambda: found.append(receiver.receive(body))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert sum(statuses(received).count("accepted") for received in found) == 20
    assert len({event.event_id for received in found for event in received.events}) == 20


def test_what_could_not_be_kept_is_not_met_and_may_be_posted_again(settings, receiver):
    settings.data_dir.mkdir(exist_ok=True)
    (settings.data_dir / "inbox").write_text("no folder")
    with pytest.raises(NotKeptError):
        receiver.receive(ANN)
    (settings.data_dir / "inbox").unlink()
    assert statuses(receiver.receive(ANN)) == ["accepted"]


def test_more_events_than_are_taken_at_once_are_refused_whole(settings, receiver):
    with pytest.raises(TooManyError, match="501 events, expected at most 500 at once"):
        receiver.receive(b"[" + b",".join([ANN] * 501) + b"]")
    assert kept(settings) == []


def test_an_event_whose_line_the_stream_would_refuse_for_its_size_is_refused_now(receiver):
    record = json.dumps({"user": "ann", "product": "lamp", "text": "x" * (rules.MAX_BYTES - 60)}).encode()
    assert len(record) < rules.MAX_BYTES
    assert statuses(receiver.receive(record)) == ["too_large"]


records = st.dictionaries(st.sampled_from(["user", "product", "event_id", "quantity", "x"]), st.text(max_size=5))
bodies = st.binary(max_size=60) | st.lists(records, max_size=4).map(lambda some: json.dumps(some).encode())
lines = st.lists(st.binary(max_size=20) | records.map(lambda one: json.dumps(one).encode()), max_size=5).map(b"\n".join)


@hypothesis_settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(bodies | lines)
def test_whatever_is_posted_has_an_answer_for_each_record_or_is_no_json(tmp_path_factory, body):
    settings = settings_for(tmp_path_factory.mktemp("any"))
    box = Inbox(settings.data_dir / "inbox", LATER, gathering=LATER)
    try:
        received = Receiver(settings, box, RecentIds()).receive(body)
    except NotJsonError:
        assert kept(settings) == []
    else:
        assert len(received.answers) == len(records_of(body))
        assert len(kept(settings)) == len(received.events) == statuses(received).count("accepted")
    box.close()
