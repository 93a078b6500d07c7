"""The command line: verbs in, sentences and exit codes out.

0 done, 1 failed, 2 wrong usage, 3 not enough data. An error is one line; its whole story is in the log.
"""
