"""What was read in posted pictures: what a post of another names stays, and the rest goes."""

from spark_app.forgetting.receipts import Receipt
from spark_app.forgetting.whom import Whom
from spark_app.running import failpoints
from spark_app.settings import Settings
from spark_app.storage import seen_files


def remove(settings: Settings, whom: Whom, receipt: Receipt) -> None:
    """Rewrite the files that hold any."""

    def told(name: str, rows: int | None) -> None:
        receipt.remove(name, rows) if rows is not None else receipt.note(receipt.deleted, name)

    for _ in seen_files.remove_unnamed(settings, told, but=whom.user):
        failpoints.reach("forget_between_pictures")
