"""In which months a segment comes -> its season, if it has one: those who come at one time of the year."""

from collections.abc import Sequence

from spark_app.segments import tops
from spark_app.segments.profiles import Profile
from spark_app.segments.tops import Top

# A month is of the season which has so many times its part elsewhere; together they have this part of all months.
MORE, TOGETHER = 1.5, 0.4
MONTHS = 2
ACTIVE = ("orders", "active_days", "visits")


def of(profile: Profile, rows: Sequence[Top]) -> list[Top]:
    """Up to two months, in order of the year; none of those who come more often than others do."""
    if any(trait.apart > 0 for trait in profile.traits if trait.feature in ACTIVE):
        return []
    months = tops.standing(rows, "month")
    season = [row for row, relative in months if relative >= MORE][:MONTHS]
    is_most = sum(row.users for row in season) >= TOGETHER * sum(row.users for row, _ in months)
    return sorted(season, key=lambda row: row.key) if is_most else []
