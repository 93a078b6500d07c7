"""A generation as arrays that are mapped into memory, without Spark."""
