"""Serving: answers from the published generation and from what came since, in a process without Spark."""
