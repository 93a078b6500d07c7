"""The order in which a user is forgotten, from the locks to the receipt; no Spark, so that the API can do it, too.

First the user is put on the list of those who were forgotten, by a hash: from then on nothing of before is taken in,
and servers let go of what they hold. Each step finds what is still there: a run that was killed is carried to its end
by the same command.
"""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

from spark_app import generations, locks, retention
from spark_app.forgetting import inputs, logged, pictured, receipts, shelved, shown, stored, trained
from spark_app.forgetting.receipts import Receipt
from spark_app.forgetting.whom import Whom
from spark_app.intake import checks
from spark_app.running.errors import SaidError
from spark_app.settings import Settings
from spark_app.storage import forgotten, ledger, results, tables
from spark_app.storage.tables import BATCHES, EVENTS, QUARANTINE

VERB = "forget"
# Seconds that a publication, or one who writes results, is waited for.
PATIENCE = 300.0
# What whoever forgets holds from beginning to end.
HOLDING = (locks.INGEST, locks.TRAIN, *locks.OF_USERS)

_ELSEWHERE = (
    "what other machines have copied or logged of bucket {0}, and older versions of objects, where it keeps those: "
    "delete their folders of copies, and let versions expire"
)


class ForgetError(SaidError, RuntimeError):
    """Nobody can be forgotten yet; the message says what comes first."""


def ensure_id(user: str) -> str:
    """The same id; ValueError, in words, where no user can be called so."""
    if not checks.is_id(user):
        raise ValueError(f"{user[:40]!r} is no user: expected 1 to 256 characters, none of them NUL")
    return user


def forget(settings: Settings, user: str) -> Receipt:
    """Remove all that is held of a user, and give the receipt; whoever calls has the locks of HOLDING.

    ForgetError while a batch or a replay of quarantine that was cut short waits for its end; DamagedError where a file
    of a table is gone; LockedError where another publishes or writes results for too long. ValueError of ensure_id.
    """
    whom = Whom(ensure_id(user), settings.columns)
    retention.settle(settings)
    _ensure_whole(settings)
    begun_at = datetime.now(UTC)
    receipt = receipts.begun(settings, user)
    forgotten.add(settings, user, begun_at)
    inputs.remove(settings, whom, receipt)
    lost = stored.remove(settings, whom, receipt)
    pictured.remove(settings, whom, receipt)
    with locks.held(settings, locks.PUBLISH, VERB, wait=PATIENCE):
        generations.resume(settings)
        trained.remove(settings, whom, receipt, lost=lost)
    shelved.remove(settings, whom, receipt)
    with results.held(settings, VERB, PATIENCE):
        shown.remove(settings, whom, receipt, trained.renamed(settings) | shelved.renamed(settings))
    logged.remove(settings, whom, receipt)
    # Told once more: a server may have read the table just before its rows went.
    forgotten.add(settings, user, begun_at)
    if place := settings.place(settings.data_dir) or settings.place(settings.results_dir):
        receipt.note(receipt.left, _ELSEWHERE.format(place.bucket))
    receipt.finish()
    return receipt


@contextlib.contextmanager
def holding(settings: Settings) -> Iterator[None]:
    """The locks of HOLDING; LockedError when another has one."""
    with locks.all_held(settings, HOLDING, VERB):
        yield


def _ensure_whole(settings: Settings) -> None:
    replays = settings.data_dir / "replays"
    if replays.exists() and any(path.is_dir() for path in replays.iterdir()):
        raise ForgetError("a replay of quarantine was cut short before: run `quarantine replay` first")
    if ledger.is_cut_short(settings):
        raise ForgetError("a batch was cut short before: run ingest first, which finds its records again")
    for name in (EVENTS, QUARANTINE, BATCHES):
        tables.ensure_whole(settings, name, tables.version(settings, name))
