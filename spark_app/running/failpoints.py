"""Named places where a test lets the process kill itself, to show that nothing is lost there.

`MILLSTREAM_FAILPOINT=after_write_before_commit:3` kills at the third time that place is reached; honoured only
with `MILLSTREAM_UNDER_TEST=true`.
"""

import os
import signal
from collections import Counter

from spark_app.settings import Settings, WrongSettingError

NAMES = (
    "before_write",
    "after_write_before_commit",
    "before_ledger",
    "after_ledger_before_checkpoint",
    "mid_training",
    "mid_segments",
    "mid_interests",
    "between_files_and_pointer",
    "mid_csv",
    "mid_upload",
    "replay_before_ledger",
    "replay_before_removal",
    "after_removal_before_ledger",
    "forget_before_ledger",
    "forget_before_log",
    "forget_between_pictures",
    "forget_before_manifest",
    "forget_between_generations",
    "forget_before_old_goes",
    "forget_between_shelves",
    "forget_mid_results",
)

_armed: dict[str, int] = {}
_reached: Counter[str] = Counter()


def arm(settings: Settings) -> None:
    """Remember where to die; without the setting `under_test` nothing is armed."""
    _armed.clear()
    _reached.clear()
    if settings.failpoint and settings.under_test:
        name, _, count = settings.failpoint.partition(":")
        if name not in NAMES or not (count or "1").isdigit():
            expected = ", ".join(NAMES)
            raise WrongSettingError(f"MILLSTREAM_FAILPOINT={settings.failpoint}: expected name:count, of {expected}")
        _armed[name] = int(count or 1)


def reach(name: str) -> None:
    """Die here without a word, as a power cut would have it, when this place is armed and its turn has come."""
    _reached[name] += 1
    if _armed.get(name) == _reached[name]:
        os.kill(os.getpid(), signal.SIGKILL)
