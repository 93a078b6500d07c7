"""The model's vectors as numbers of each user."""

from spark_app.segments import latent


def test_each_factor_is_a_column_and_vectors_have_length_one_and_who_has_none_is_left_out(spark):
    rows = [
        ("ann", [1.5, -2.0]), ("bob", None), ("cem", [float("nan"), 1.0]), ("dan", [float("inf"), 1.0]),
        ("eve", [0.0, 0.0]),
    ]  # fmt: skip
    found = latent.wide(spark.createDataFrame(rows, "user STRING, factors ARRAY<FLOAT>"))
    assert list(map(tuple, found.table.collect())) == [("ann", [0.6, -0.8])]
    assert [column[:3] for column in found.columns] == [("factor_1", "", "linear"), ("factor_2", "", "linear")]
