"""What stages have in common to do with DataFrames: held, gone through in batches, sampled."""
