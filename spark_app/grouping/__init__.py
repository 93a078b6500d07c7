"""Points -> groups, how many there are, and whether there are any; numpy, no Spark."""
