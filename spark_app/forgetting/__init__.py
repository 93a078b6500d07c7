"""Forgetting a user, without Spark: `run` calls the other rooms, one for each place that holds something."""
