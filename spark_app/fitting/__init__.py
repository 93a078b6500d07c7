"""Wiring of a training, from a version of the event table to a generation.

    inner                       what settings are tried on, before the hold-out
    training  judging           fitted; what its lists and predictions are worth
    making  saving  soundness   a generation made, kept, and checked before it may be published
    sameness                    how two differ: of one that was made again
    agreement                   how far folding in agrees with training
"""
