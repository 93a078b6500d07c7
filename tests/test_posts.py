"""What users have posted: in the order of time, the newest 20,000 characters, pictures as text where they were read."""

from builders import events

from spark_app.cohorts import posts


def said(spark, *facts):
    """Events from (user, day, text, image)."""
    rows = events(spark, *[(user, None, "post", 1, day) for user, day, *_ in facts])
    texts = [(f"e{number:06d}", *fact[2:]) for number, fact in enumerate(facts)]
    own = spark.createDataFrame(texts, "event_id STRING, text STRING, image STRING")
    return rows.drop("text", "image").join(own, "event_id").select(*rows.columns)


def found(table):
    return {row["user"]: row for row in table.collect()}


def test_texts_are_in_the_order_of_time_and_the_newest_20000_characters_are_kept(spark):
    long = "a" * 15_000
    posted = said(
        spark, ("ann", 2, "third", None), ("ann", 0, " first ", "a.png"), ("ann", 1, None, "b.png"),
        ("bob", 1, long + "x", "new.png"), ("bob", 0, "b" * 15_000, "old.png"), ("bob", -1, "gone", "gone.png"),
        ("cid", 0, " ", None), ("ann", 2, "fourth", "b.png"),
    )  # fmt: skip
    rows = found(posts.of(posted.unionByName(events(spark, ("dan", "lamp")))))
    assert sorted(rows) == ["ann", "bob", "cid"]
    assert tuple(rows["ann"])[1:] == ("first\n\nthird\n\nfourth", ["a.png", "b.png"], 4)
    assert rows["bob"]["text"] == "b" * 4_997 + "\n\n" + long + "x"
    assert (rows["bob"]["images"], rows["bob"]["posts"]) == (["old.png", "new.png"], 3)
    assert tuple(rows["cid"])[1:] == ("", [], 1)


def test_what_is_written_in_a_picture_stands_where_its_post_does(spark):
    posted = said(
        spark, ("ann", 0, "look", "a.png"), ("ann", 1, None, " a.png "), ("ann", 2, "end", None), ("ann", 3, "x", "b"),
    )  # fmt: skip
    assert sorted(row["image"] for row in posts.pictures(posted).collect()) == ["a.png", "b"]
    texts = spark.createDataFrame([("a.png", "SALE "), ("b", " ")], "image STRING, said STRING")
    row = found(posts.of(posts.with_pictures(posted, texts)))["ann"]
    assert row["text"] == "look\nSALE\n\nSALE\n\nend\n\nx"
