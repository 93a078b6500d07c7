"""What a valid event is, as data: bounds, patterns, and the reasons for which a record is rejected.

Read by the stream (Spark expressions are built from it) and by the API, so that both say the same.
"""

REASONS = (
    "too_large",
    "not_json",
    "bad_row",
    "missing_user",
    "bad_user",
    "missing_product",
    "bad_product",
    "bad_event_type",
    "bad_quantity",
    "bad_rating",
    "bad_price",
    "bad_timestamp",
)

MAX_BYTES = 1_000_000
# What Spark's reader of JSON takes: how deep an object may be, digits of a number, UTF-16 units of a key.
MAX_DEPTH = 999
MAX_DIGITS = 1_000
MAX_KEY_UNITS = 50_000
MAX_ID_CHARACTERS = 256
MAX_NUMBER = 1e9
EARLIEST = "1990-01-01T00:00:00Z"
MAX_AHEAD_SECONDS = 86_400
MICROS_A_DAY = 86_400_000_000
# Epoch numbers from here up are milliseconds, below it seconds.
MILLISECONDS_FROM = 1e11
# Beyond the year 9999 Python cannot hold what Spark can.
MAX_SECONDS = 253_402_300_800

DEFAULT_EVENT_TYPE = "purchase"
DEFAULT_QUANTITY = 1.0
# A post needs no product.
POST = "post"
# Takes the product away from what the user has shown interest in.
DISLIKE = "dislike"

# Finite decimal numbers alone: no NaN, no Infinity, no hexadecimal, no trailing letter.
NUMBER = r"^[ \t]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?[ \t]*$"
# ISO-8601 with T or a blank, an optional zone, a trailing UTC allowed.
# Its groups: year, month, day, hour, minute, second, fraction, zone.
ISO_8601 = (
    r"^[ \t]*([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r" ?(Z|z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?[ \t]*$"
)
# Half of a surrogate pair, escaped: JSON by the letter, but no Unicode text.
LONE_SURROGATE = r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"

# A cell that a spreadsheet would run gets one leading apostrophe; taking one away from such a cell undoes it.
GUARDED = r"^'*[=+\-@\t\r]"
