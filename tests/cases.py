"""What is accepted and what is rejected, as one table: (name, raw JSON value, reason or None)."""

import json

NOW = "2026-06-15T12:00:00+00:00"


def _event(**changes: object) -> bytes:
    return json.dumps({"user": "ann", "product": "lamp"} | changes, ensure_ascii=False).encode()


def _text(value: str) -> bytes:
    return value.encode()


CASES: list[tuple[str, bytes, str | None]] = [
    ("the least there can be", _event(), None),
    ("blanks around it", b'  {"user": "ann", "product": "lamp"} \t', None),
    ("an unknown field", _event(colour="red"), None),
    ("text behind it", _event() + b" and more", "not_json"),
    ("two documents", _event() + _event(), "not_json"),
    ("two documents with a comma", _event() + b"," + _event(), "not_json"),
    ("a bracket too many", _event() + b"] }", "not_json"),
    ("the same key twice", b'{"user": "ann", "user": "bob", "product": "lamp"}', "not_json"),
    ("single quotes", b"{'user': 'ann', 'product': 'lamp'}", "not_json"),
    ("NaN", b'{"user": "ann", "product": "lamp", "quantity": NaN}', "not_json"),
    ("an array", b'[{"user": "ann", "product": "lamp"}]', "not_json"),
    ("a scalar", b"17", "not_json"),
    ("a text", b'"ann"', "not_json"),
    ("null", b"null", "not_json"),
    ("nothing", b"", "not_json"),
    ("a byte order mark", b"\xef\xbb\xbf" + _event(), "not_json"),
    ("bad UTF-8", b'{"user": "an\xff", "product": "lamp"}', "not_json"),
    ("half a surrogate pair", b'{"user": "\\ud83d", "product": "lamp"}', "not_json"),
    ("a whole surrogate pair", b'{"user": "\\ud83d\\ude00", "product": "lamp"}', None),
    ("nested very deep", b'{"a":' * 2000 + b"1" + b"}" * 2000, "not_json"),
    ("a truncated line", _event()[:-5], "not_json"),
    ("more than a megabyte", _event(text="x" * 1_000_001), "too_large"),
    ("just below a megabyte", _event(text="x" * 900_000), None),
    ("more than a megabyte that is not JSON", b"x" * 1_000_001, "too_large"),
    ("no user", b'{"product": "lamp"}', "missing_user"),
    ("user null", _event(user=None), "missing_user"),
    ("user empty", _event(user=""), "missing_user"),
    ("no user and no product", b"{}", "missing_user"),
    ("user an integer", _event(user=17850), None),
    ("user a huge integer", b'{"user": 12345678901234567890123, "product": "lamp"}', None),
    ("user a fraction", _event(user=1.5), "bad_user"),
    ("user true", _event(user=True), "bad_user"),
    ("user an object", _event(user={"id": 1}), "bad_user"),
    ("user an array", _event(user=["ann"]), "bad_user"),
    ("user with a NUL", _event(user="an\0n"), "bad_user"),
    ("user of 256 characters", _event(user="😀" * 256), None),
    ("user of 257 characters", _event(user="a" * 257), "bad_user"),
    ("user of 10,000 characters", _event(user="a" * 10_000), "bad_user"),
    ("no product", b'{"user": "ann"}', "missing_product"),
    ("product an object", _event(product={}), "bad_product"),
    ("product with a NUL", _event(product="\0"), "bad_product"),
    ("a post without a product", b'{"user": "ann", "event_type": "post", "text": "hello"}', None),
    ("an unknown event type", _event(event_type="teleport"), "bad_event_type"),
    ("event type a number", _event(event_type=7), "bad_event_type"),
    ("a view", _event(event_type="view"), None),
    ("a dislike", _event(event_type="dislike"), None),
    ("quantity a text", _event(quantity="3"), "bad_quantity"),
    ("quantity infinite", b'{"user": "ann", "product": "lamp", "quantity": 1e400}', "bad_quantity"),
    ("quantity above a thousand million", _event(quantity=1e9 + 1), "bad_quantity"),
    ("a return", _event(quantity=-2), None),
    ("rating a text", _event(rating="good"), "bad_rating"),
    ("rating", _event(rating=4.5), None),
    ("price negative", _event(price=-1), "bad_price"),
    ("total price negative, as of a return", _event(total_price=-9.99), None),
    ("list price a text", _event(product_data={"price": "cheap"}), "bad_price"),
    ("yesterday", _event(timestamp="yesterday"), "bad_timestamp"),
    ("the year 294247", _event(timestamp="+294247-01-10T04:00:54Z"), "bad_timestamp"),
    ("the 30th of February", _event(timestamp="2026-02-30"), "bad_timestamp"),
    ("before 1990", _event(timestamp="1989-12-31T23:59:59Z"), "bad_timestamp"),
    ("more than a day ahead", _event(timestamp="2026-06-16T12:00:01Z"), "bad_timestamp"),
    ("not quite a day ahead", _event(timestamp="2026-06-16T11:59:59Z"), None),
    ("timestamp true", _event(timestamp=True), "bad_timestamp"),
    ("epoch seconds", _event(timestamp=1_700_000_000), None),
    ("epoch milliseconds", _event(timestamp=1_700_000_000_123), None),
    ("a blank for T and a trailing UTC", _event(timestamp="2019-10-01 00:00:00 UTC"), None),
    ("the first reason wins", _event(user=True, product={}, quantity="3", timestamp="never"), "bad_user"),
    ("user, then product", b'{"product": {}}', "missing_user"),
]
