"""Work done here is the same work: rows, types and nothing at all."""

import pyarrow as pa
import pytest

from spark_app.frames import near

DOUBLED = "id BIGINT, twice INT"


@pytest.mark.parametrize("count", [0, 1, 50])
def test_rows_are_the_same_wherever_they_are_made(spark, count):
    def doubled(batches):
        for batch in batches:
            for place, number in enumerate(batch.column("id").to_pylist()):
                columns = [batch.column("id").slice(place, 1), pa.array([2 * number], pa.int32())]
                yield pa.RecordBatch.from_arrays(columns, ["id", "twice"])

    rows = spark.range(count)
    far, here = (near.mapped(rows, doubled, DOUBLED, near=where) for where in (False, True))
    assert here.schema == far.schema
    assert sorted(here.collect()) == sorted(far.collect()) == [(number, 2 * number) for number in range(count)]


def test_a_settled_table_is_the_same_and_forgets_how_it_came_about(spark):
    table = spark.range(7).selectExpr("id", "array(CAST(id AS FLOAT)) AS vector", "CAST(NULL AS STRING) AS name")
    here = near.settled(table, near=True)
    assert here.schema.simpleString() == table.schema.simpleString() and here.collect() == table.collect()
    assert "Range" not in here._jdf.queryExecution().logical().toString()
    assert near.settled(table, near=False) is table


def test_a_shop_is_small_by_users_times_products():
    assert near.is_small(4372, 3684)
    assert not near.is_small(138_000, 27_000)
