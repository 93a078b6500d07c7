"""The API: a published generation and the newest events, answered by HTTP, without Spark in the process."""
