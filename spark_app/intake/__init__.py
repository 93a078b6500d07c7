"""Records before they are events: files cut and looked at, a topic, JSON judged without Spark."""
