"""What is fast and what is good, each beside its peer in the same run."""
