"""Segments: the words that all who make or read them share. Nothing comes in; no Spark.

A segment is a group of users who are alike in what is known of them, by one method on one set of features.
"""

from typing import Literal, NamedTuple, get_args

Features = Literal["behaviour", "browsing", "factors"]
FEATURES: tuple[Features, ...] = get_args(Features)
Method = Literal["kmeans", "agglomerative"]
METHODS: tuple[Method, ...] = get_args(Method)
# The one that says to which segment a user belongs, where one answer is wanted.
DECIDES: Method = "kmeans"

# As columns and as what stands out are called.
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Column(NamedTuple):
    """One number that is known of each user.

    `unit` is for people: days, orders, share. A column of scale `log` spans magnitudes, such as money, and is compared
    by log1p of its size, with its sign; its means are told as they are. `weight` is what a standard deviation of it
    counts in distances.
    """

    name: str
    unit: str
    scale: Literal["linear", "log"] = "linear"
    weight: float = 1.0
