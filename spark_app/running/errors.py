"""Errors that a user is told in their own words: one line, an exit code, no traceback."""


class SaidError(Exception):
    """What could not be done, and what to do about it, is all in the message."""


class WrongUsageError(SaidError):
    """What was given is wrong: a setting, an argument, a file of the shop's own."""
