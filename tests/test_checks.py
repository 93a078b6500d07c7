"""What the stream says of a record and what the API says of it, side by side."""

import json
import random
import sys
from datetime import UTC, datetime
from threading import Thread

import pytest
import test_events
from cases import AGES, CASES, IN_STOCK, MOMENTS, NO_MOMENTS, NOW, PROPERTIES

from spark_app import schemas
from spark_app.intake import checks, variants
from spark_app.intake.checks import Accepted, Rejected
from spark_app.schemas import EVENT_WEIGHTS

PRESENT = datetime.fromisoformat(NOW)
NOT_COMPARED = ("source", "partition", "position", "reason", "value", "header")


def judged(record):
    return checks.judge(record, event_types=tuple(EVENT_WEIGHTS), now=PRESENT, received_at=PRESENT)


def judged_value(value):
    return checks.judge_value(value, event_types=tuple(EVENT_WEIGHTS), now=PRESENT, received_at=PRESENT)


@pytest.mark.parametrize(("name", "record", "reason"), CASES, ids=[name for name, *_ in CASES])
def test_each_record_is_accepted_or_rejected_with_the_first_reason(name, record, reason):
    verdict = judged(record)
    assert _reason(verdict) == reason, name


def test_what_is_absent_has_its_default_and_what_a_place_gives_is_none():
    event = judged(b'{"user": "ann", "product": "lamp"}').event
    assert list(event) == schemas.names(schemas.EVENT)
    given = {"user": "ann", "product": "lamp", "quantity": 1.0, "event_type": "purchase"}
    given |= {"occurred_at": PRESENT, "received_at": PRESENT}
    assert event == dict.fromkeys(event) | given


def test_a_value_that_was_parsed_before_is_judged_the_same():
    for _, record, reason in CASES:
        if reason not in ("too_large", "not_json"):
            (value,) = variants.parsed(b"[" + record + b"]")
            assert judged_value(value) == judged(record)
    for value in (None, 7, "ann", [{"user": "ann"}]):
        assert judged_value(value) == Rejected("not_json")


def test_what_is_nested_deep_is_read_wherever_the_stack_stands():
    deepest = next(record for name, record, _ in CASES if name == "a text nested as deep as may be")

    def at(depth):
        return at(depth - 1) if depth else judged(deepest)

    before = sys.getrecursionlimit()
    assert at(before // 2).event["text"] == "[" * 998 + "]" * 998
    found = []
    threads = [Thread(target=lambda: found.append(judged(b"[" * 500_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [Rejected("not_json")] * 4
    assert sys.getrecursionlimit() == before


FIELDS = (
    "user", "product", "quantity", "timestamp", "event_type", "rating", "event_id", "session_id", "price",
    "total_price", "text", "image", "product_data", "customer_data", "properties", "colour",
)  # fmt: skip
WORDS = (
    "ann",
    "Zoë",
    "العربية",
    "\u202eright",
    "e\u0301",
    "😀👩‍👩‍👧",
    "a\0b",
    "",
    " ",
    '"',
    "\\u0041",
    "\x1f\x7f",
    "=1+1",
    "x" * 257,
)
NUMBERS = (
    "0", "-0", "-0.0", "7", "-3", "2.50", "1e3", "1E-7", "12345678901234567890", "1e400", "1e9", "1000000000.5", "0.1",
    "1.7e12", "1700000000", "1e22", "9223372036854775808", "0.000001", "123456789.125e0",
)  # fmt: skip
BROKEN = ("NaN", "nul", "01", "1.", '"\\ud800"', '"\\x"', "[1,]", '{"a":1,"a":2}', "'x'", '"\n"')


def mutated(dice, count):
    """Records that are right, or nearly."""
    return [_damaged(dice, _record(dice)) for _ in range(count)]


def _record(dice):
    fields = {"user": json.dumps(dice.choice(WORDS[:6])), "product": '"lamp"'}
    for name in dice.sample(FIELDS, dice.randint(0, 6)):
        fields[name] = _fitting(dice, name) if dice.random() < 0.6 else _value(dice, 3)
    members = [f"{json.dumps(name)}: {value}" for name, value in fields.items()]
    dice.shuffle(members)
    return "{" + dice.choice((", ", ",\t", " ,\r\n")).join(members) + "}"


def _fitting(dice, name):
    """A value that the field may have, or nearly."""
    if name == "timestamp":
        return json.dumps(_moment(dice), ensure_ascii=dice.random() < 0.5)
    if name == "event_type":
        return json.dumps(dice.choice((*EVENT_WEIGHTS, "dislike", "post", "teleport")))
    if name in ("product_data", "customer_data"):
        inside = {"price": NUMBERS, "name": WORDS, "brand": WORDS, "in_stock": IN_STOCK, "age": AGES, "email": WORDS}
        kept = dice.sample(sorted(inside), 3)
        return json.dumps({key: dice.choice(inside[key]) for key in kept})
    if name == "properties":
        return dice.choice((PROPERTIES, json.dumps({word: word for word in dice.sample(WORDS, 3)})))
    return dice.choice(NUMBERS) if name in ("quantity", "rating", "price", "total_price") else _value(dice, 0)


def _moment(dice):
    if dice.random() < 0.3:
        return dice.choice(MOMENTS + NO_MOMENTS)
    date = f"20{dice.randint(10, 26)}-{dice.randint(1, 12):02}-{dice.randint(1, 31):02}"
    time = f"{dice.randint(0, 24):02}:{dice.randint(0, 60):02}"
    time += dice.choice(("", f":{dice.randint(0, 60):02}", f":07{dice.choice('.,')}{dice.randint(0, 10**9)}"))
    zone = f"{dice.choice('+-')}{dice.randint(0, 19):02}{dice.choice(('', ':'))}{dice.choice(('', '30', '60'))}"
    zone = dice.choice(("", "Z", "z", "UTC", zone))
    return f"{dice.choice(('', ' ', chr(9)))}{date}{dice.choice('T ')}{time}{dice.choice(('', ' '))}{zone}"


def _value(dice, depth):
    kind = dice.randint(0, 6 if depth else 3)
    if kind == 0:
        return dice.choice(NUMBERS)
    if kind == 1:
        return dice.choice(("null", "true", "false"))
    if kind <= 3:
        return json.dumps(dice.choice(WORDS), ensure_ascii=dice.random() < 0.5)
    inner = [_value(dice, depth - 1) for _ in range(dice.randint(0, 3))]
    if kind == 4:
        return f"[{', '.join(inner)}]"
    names = dice.sample(WORDS, len(inner))
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in zip(names, inner, strict=True)) + "}"


def _damaged(dice, record):
    """Mostly as it was; else cut, with a byte changed, or with a value that is no JSON."""
    whole = record.encode()
    place = dice.randrange(len(whole))
    kind = dice.random()
    if kind < 0.06:
        return whole[:place]
    if kind < 0.12:
        return whole[:place] + dice.randbytes(1) + whole[place + 1 :]
    return whole[:-1] + f', "broken": {dice.choice(BROKEN)}}}'.encode() if kind < 0.16 else whole


def test_the_stream_and_the_checks_say_the_same_of_every_record_and_make_the_same_events(spark):
    records = [record for _, record, _ in CASES] + mutated(random.Random(7), 1500)
    verdicts = [judged(record) for record in records]
    kept = [verdict.event | {"event_id": f"e{place}"} for place, verdict in enumerate(verdicts) if _is_kept(verdict)]
    assert 300 < len(kept) < 1500
    again = [checks.line(event) for event in kept]
    rows = [row.asDict(recursive=True) for row in test_events.judged(spark, [*records, *again])]
    for record, verdict, row in zip(records, verdicts, rows, strict=False):
        assert _reason(verdict) == row["reason"], record[:2000]
        if _is_kept(verdict):
            # To the sign of a zero.
            assert repr(_facts(verdict.event)) == repr(_facts(row)), record[:2000]
    for line, event, row in zip(again, kept, rows[len(records) :], strict=True):
        assert judged(line) == Accepted(event), line
        assert row["reason"] is None and _facts(row) == _facts(event), line


def _is_kept(verdict):
    return isinstance(verdict, Accepted)


def _reason(verdict):
    return None if _is_kept(verdict) else verdict.reason


def _facts(event):
    """All columns of an event but its place."""
    facts = {name: value for name, value in event.items() if name not in NOT_COMPARED}
    facts |= {name: facts[name].replace(tzinfo=UTC) for name in ("occurred_at", "received_at")}
    facts["event_id"] = None if str(facts["event_id"]).startswith("files:test:") else facts["event_id"]
    facts["properties"] = facts["properties"] and dict(sorted(facts["properties"].items()))
    return facts
