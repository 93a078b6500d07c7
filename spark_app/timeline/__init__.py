"""Stretches of time and what went on in them, read by Arrow without Spark."""
