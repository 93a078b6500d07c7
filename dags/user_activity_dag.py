"""Millstream on a schedule: each task is one verb of `python -m spark_app`, and nothing is decided here.

A verb that has too little to work on leaves with 3, which is a task that is skipped. What stands in Airflow's variables
`millstream_...` is asked for when a task runs; every other setting comes from the environment or `.env`.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

PROJECT = Path(__file__).resolve().parent.parent
NOT_ENOUGH_DATA = 3


def variable(name: str, otherwise: str) -> str:
    """What an Airflow variable says once the task runs, as a template."""
    return f"{{{{ var.value.get({name!r}, {otherwise!r}) }}}}"


def verb(name: str, **more: str) -> BashOperator:
    """A task that runs one verb and is named after it."""
    return BashOperator(
        task_id=name,
        bash_command=f'exec "$PYTHON" -m spark_app {name}',
        env={
            "PYTHON": variable("millstream_python", str(PROJECT / ".venv" / "bin" / "python")),
            "MILLSTREAM_DATA_DIR": variable("millstream_data_dir", os.environ.get("MILLSTREAM_DATA_DIR") or "data"),
        },
        append_env=True,
        cwd=str(PROJECT),
        skip_on_exit_code=NOT_ENOUGH_DATA,
        **more,
    )


with DAG(
    "user_activity",
    description="Take in sales, train when enough is new, publish and draw",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    # Two runs would stand in each other's way, and so would three Sparks on a small machine.
    max_active_runs=1,
    max_active_tasks=2,
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=15),
        "execution_timeout": timedelta(hours=6),
    },
    doc_md=__doc__,
    tags=["millstream"],
):
    taken = verb("ingest")
    # Also where nothing was trained: then it brings the results up to date with what is published.
    taken >> verb("train") >> verb("export", trigger_rule="none_failed") >> verb("draw")
    taken >> [verb("trending"), verb("segments"), verb("interests")]
