"""What users say -> groups with an interest in common, and in which of them a new text is; no Spark."""
