"""Columns of every table, as Spark DDL text.

Nothing comes in and text goes out, so that Spark, the API and the tests read one definition.
`user` and `product` are the shop's own ids; `userId` and `productId` are the engine's stable integers.
"""

PRODUCT_DATA = "STRUCT<id: STRING, name: STRING, category: STRING, brand: STRING, price: DOUBLE, in_stock: BOOLEAN>"
CUSTOMER_DATA = "STRUCT<id: STRING, name: STRING, email: STRING, location: STRING, age: INT>"

# What a source gives. `header` is the CSV header of the file, null for JSON;
# `partition` and `position` are topic partition and offset, or file and place in it (0 is the first record).
RAW = "value BINARY, header STRING, source STRING, partition STRING, position BIGINT, received_at TIMESTAMP"

EVENT = (
    "event_id STRING, user STRING, product STRING, event_type STRING, quantity DOUBLE, rating DOUBLE, "
    "occurred_at TIMESTAMP, session_id STRING, price DOUBLE, total_price DOUBLE, "
    f"product_data {PRODUCT_DATA}, customer_data {CUSTOMER_DATA}, "
    "text STRING, image STRING, properties MAP<STRING, STRING>, "
    "source STRING, partition STRING, position BIGINT, received_at TIMESTAMP"
)

QUARANTINE = f"reason STRING, {RAW}, rejected_at TIMESTAMP"

# The ledger: one row for each partition of each batch, written last. Positions run from `from` up to, without, `to`.
# `removed` are events that retention took out of the event table again: it holds accepted - removed.
BATCH = (
    "source STRING, partition STRING, `from` BIGINT, `to` BIGINT, read BIGINT, accepted BIGINT, duplicates BIGINT, "
    "rejected MAP<STRING, BIGINT>, bytes BIGINT, modified_at TIMESTAMP, sha256 STRING, "
    "events_version BIGINT, taken_at TIMESTAMP, removed BIGINT"
)

# One row per user and product that met: `strength` is null when nothing positive is left, which still counts as seen.
INTERACTION = "user STRING, product STRING, strength DOUBLE, event_count BIGINT, last_event_at TIMESTAMP"
RATING = "user STRING, product STRING, rating DOUBLE"

USER_INDEX = "user STRING, userId INT"
PRODUCT_INDEX = "product STRING, productId INT"
# `brand_at` is when the brand was said.
PRODUCT_DETAILS = (
    "product STRING, name STRING, category STRING, brand STRING, price DOUBLE, in_stock BOOLEAN, brand_at TIMESTAMP"
)

RECOMMENDATION = (
    "user STRING, product STRING, userId INT, productId INT, score FLOAT, rank INT, source STRING, "
    "because ARRAY<STRING>"
)

# What a user turned to last: a row for each brand, with the newest of its products, or for each product.
RECENT = "user STRING, rank INT, brand STRING, product STRING, last_event_at TIMESTAMP"

# Rising products of the brands that a user turned to last.
TRENDING_RECOMMENDATION = "user STRING, product STRING, rank INT, score DOUBLE, brand STRING, because STRING"

VERTEX = "id STRING, type STRING, label STRING, degree INT, pagerank DOUBLE, community INT, component INT"
EDGE = "src STRING, dst STRING, score FLOAT, rank INT"

# What is rising: products, brands or categories, by their kind. `total` and `users` are of the range, `growth_percent`
# is null for what is new; a brand or a category has itself as its label.
TRENDING = (
    "rank INT, kind STRING, key STRING, label STRING, brand STRING, category STRING, total BIGINT, users BIGINT, "
    "growth_percent DOUBLE, score DOUBLE, `from` TIMESTAMP, `to` TIMESTAMP"
)
TRENDING_BUCKET = "kind STRING, key STRING, bucket_start TIMESTAMP, total BIGINT, users BIGINT"

# What is known of each user as numbers, in the units of segmentation.Column; no null and no NaN among them.
WIDE = "user STRING, values ARRAY<DOUBLE>"
# The same standardised and turned onto its principal components, the first the widest.
POINT = "user STRING, point ARRAY<DOUBLE>"

# Which segment a user is in, by each method; `x` and `y` are the first two components, `distance` is from the centre.
SEGMENT = "user STRING, features STRING, method STRING, segment INT, x DOUBLE, y DOUBLE, distance DOUBLE"
SEGMENT_PROFILE = (
    "features STRING, method STRING, segment INT, label STRING, size BIGINT, share DOUBLE, feature STRING, "
    "mean DOUBLE, overall_mean DOUBLE, lift DOUBLE"
)
SEGMENT_STRATEGY = "features STRING, method STRING, segment INT, strategy STRING, top_products ARRAY<STRING>"
USER_SIMILARITY = "user STRING, similar_user STRING, score DOUBLE"

# What a user has posted: all texts in the order of time, the pictures' paths or addresses, and how many posts.
POSTED = "user STRING, text STRING, images ARRAY<STRING>, posts BIGINT"
# The interest group of a user, null where none fits; `nearest` is the next one then, `confidence` how sure that is.
INTEREST = "user STRING, group INT, nearest INT, confidence DOUBLE, x DOUBLE, y DOUBLE, posts BIGINT"

# What explains the lists: one row per user and product that met, `strength` null where no interest is left. `trained`
# says whether the model learnt from the pair, and `fitted` what it was given; `weight` and `again` are what the product
# adds by likeness and to itself; `excluded` says whether it may not be listed to the user. Behind these stand columns
# of what was netted (strengths.NET, NEWEST, RATING, RATED), for the event types that occur, and recency.TURNED.
KEPT_INTERACTION = (
    "userId INT, productId INT, strength FLOAT, fitted FLOAT, weight FLOAT, again FLOAT, event_count BIGINT, "
    "last_event_at TIMESTAMP, trained BOOLEAN, excluded BOOLEAN"
)
SIMILAR = "productId INT, other INT, likeness FLOAT"
# One row per product: whether the model learnt from it, and what the shop's rules say.
CATALOGUE = "productId INT, trained BOOLEAN, hidden BOOLEAN, boost DOUBLE, rule STRING"

# How much one event of a type counts; a dislike has no weight, it takes the product away.
EVENT_WEIGHTS = {
    "purchase": 5.0,
    "cart": 3.0,
    "like": 3.0,
    "rate": 3.0,
    "view": 1.0,
    "remove_from_cart": -3.0,
}


def names(ddl: str) -> list[str]:
    """The columns of a table from its DDL text, nested ones left out; Spark's own parser needs a session."""
    found, depth, start = [], 0, 0
    for place, letter in enumerate(ddl + ","):
        depth += (letter == "<") - (letter == ">")
        if letter == "," and depth == 0:
            found.append(ddl[start:place].split()[0].strip("`"))
            start = place + 1
    return found


def fields(struct: str) -> list[tuple[str, str]]:
    """(name, type) of each field of a struct that holds no other, from its DDL text."""
    inside = struct.removeprefix("STRUCT<").removesuffix(">")
    return [(name, kind) for name, kind in (field.split(": ") for field in inside.split(", "))]
