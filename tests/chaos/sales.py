"""Sales of which it is known what has to become of them, and what became of them."""

import json
import random

from spark_app import ingestion
from spark_app.storage import ledger, tables

# One file a batch, and a model that is fitted in a moment.
SMALL = {"MILLSTREAM_ALS__FACTORS": "4", "MILLSTREAM_ALS__ITERATIONS": "3", "MILLSTREAM_MAX_FILES_PER_TRIGGER": "1"}


class Sales:
    """Files in an inbox: events with ids, some of them sent twice, and bad lines; a file is written whole."""

    def __init__(self, settings, seed=1):
        self.settings, self.random = settings, random.Random(seed)
        self.sent, self.sound, self.bad, self.files = 0, set(), 0, 0

    def add(self, good=30, bad=2, twice=3):
        """One more file with so many new events, bad lines, and events that were sent before."""
        again = self.random.sample(sorted(self.sound), min(twice, len(self.sound)))
        new = [f"e{len(self.sound) + place:06d}" for place in range(good)]
        lines = [self._line(name) for name in [*new, *again]] + ['{"user": ""}', "nonsense"][: min(bad, 2)]
        lines += ["[]"] * max(bad - 2, 0)
        self.random.shuffle(lines)
        inbox = self.settings.data_dir / "inbox"
        inbox.mkdir(parents=True, exist_ok=True)
        hidden = inbox / f".{self.files:04d}.jsonl"
        hidden.write_text("\n".join(lines) + "\n")
        hidden.rename(inbox / f"{self.files:04d}.jsonl")
        self.files += 1
        self.sent += len(lines)
        self.bad += bad
        self.sound.update(new)

    def take(self, spark):
        """Take in what is there, undisturbed."""
        ingestion.take_files(spark, self.settings, self.settings.data_dir / "inbox")

    def is_taken(self):
        """Whether the ledger has all that was sent."""
        return ledger.counts(self.settings).read == self.sent

    def damage(self):
        """(lost, doubled) in the event table, after all was taken; AssertionError when the books do not add up."""
        held = tables.scan(self.settings, tables.EVENTS, ["event_id"])["event_id"].to_pylist()
        counts = ledger.counts(self.settings)
        assert counts.read == counts.accepted + counts.duplicates + sum(counts.rejected.values())
        assert (counts.read, counts.accepted, sum(counts.rejected.values())) == (self.sent, len(held), self.bad)
        assert tables.rows(self.settings, tables.QUARANTINE) == self.bad
        assert not ledger.is_cut_short(self.settings)
        return len(self.sound - set(held)), len(held) - len(set(held))

    def _line(self, name):
        number = int(name[1:])
        user, product = f"u{number * 7 % 41}", f"p{number * 13 % 23}"
        day = f"2026-01-{1 + number % 28:02d}T{number % 24:02d}:00:00Z"
        return json.dumps({"event_id": name, "user": user, "product": product, "timestamp": day})
