"""What can be asked for: one file for each noun, each with a `router`."""
