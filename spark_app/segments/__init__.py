"""Users who are alike, by what they did, what they browsed, or the factors of the model."""
