"""Rows of some users in, in order of user, a number for each user out: sums, shares, distinct values, visits. Numpy."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

GAP = 30 * 60 * 1_000_000  # microseconds


class Visits(NamedTuple):
    """Of each user: how many visits, and their microseconds from first to last event, together."""

    number: Floats
    length: Floats


def sums(user: Ints, values: npt.NDArray, users: int) -> Floats:
    """The sum of each user's values; of flags, how many are set."""
    return np.bincount(user, weights=values, minlength=users).astype(float, copy=False)


def ratio(part: Floats, whole: Floats) -> Floats:
    """Part by whole; 0 where there is no whole."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)


def shares(user: Ints, code: Ints, users: int, width: int) -> Floats:
    """(users, width): how often each code is a user's, of those from 0 up; a row sums to 1, or to 0 where none is."""
    known = code >= 0
    place = user[known] * width + code[known]
    counts = np.bincount(place, minlength=users * width).reshape(users, width).astype(float)
    whole = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, whole, out=counts, where=whole > 0)


def distinct(user: Ints, key: Ints, users: int) -> Floats:
    """How many different keys each user has."""
    order = np.lexsort((key, user))
    return sums(user, _first(user[order], key[order]), users) if len(user) else np.zeros(users)


def runs(user: Ints, key: Ints, users: int) -> Floats:
    """The same where equal keys of a user stand together already."""
    return sums(user, _first(user, key), users)


def visits(user: Ints, at: Ints, session: Ints, in_session: Flags, users: int) -> Visits:
    """Visits of rows in order of user and time: by session, and without one by gaps of more than half an hour."""
    alone = ~in_session
    own = _visits(user[alone], at[alone], _begins(user[alone], at[alone]), users)
    by_session = np.lexsort((at, session, user))
    by_session = by_session[in_session[by_session]]
    named, when = user[by_session], at[by_session]
    told = _visits(named, when, _first(named, session[by_session]), users)
    return Visits(own.number + told.number, own.length + told.length)


def _visits(user: Ints, at: Ints, begins: Flags, users: int) -> Visits:
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(user)) - 1
    whose = user[first]
    return Visits(sums(whose, np.ones(len(first)), users), sums(whose, at[last[: len(first)]] - at[first], users))


def _begins(user: Ints, at: Ints) -> Flags:
    """Whether a row begins a visit: a new user, or one who was away."""
    begins = np.ones(len(user), dtype=bool)
    begins[1:] = (user[1:] != user[:-1]) | (at[1:] - at[:-1] > GAP)
    return begins


def _first(user: Ints, key: Ints) -> Flags:
    """Whether a row differs from the one before in user or key."""
    first = np.ones(len(user), dtype=bool)
    first[1:] = (user[1:] != user[:-1]) | (key[1:] != key[:-1])
    return first
