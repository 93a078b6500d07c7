"""How much less something counts the longer ago it was: the one definition, for strengths and for popularity."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_app.rules import MICROS_A_DAY


def decay(at: Column, now: Column, half_life_days: float) -> Column:
    """0.5^(days from `at` to `now` / half-life); 1 for what is yet to come."""
    age = F.greatest(F.unix_micros(now) - F.unix_micros(at), F.lit(0))
    return F.pow(F.lit(0.5), age / (half_life_days * MICROS_A_DAY))
