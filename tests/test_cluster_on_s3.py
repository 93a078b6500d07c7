"""The job on a real master and two workers that share nothing with the driver but a bucket, for data and results."""

import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from conftest import machines_on
from mirrored import told
from test_cluster import C1, JOB, small
from test_verbs_on_s3 import sales

from benchmarks.standalone import cluster
from spark_app import generations
from spark_app.storage import bucket, interest_files, ledger, segment_files

INTERESTS = """
verbs.line()(["interests"], standalone_mode=False)
"""
pytestmark = [pytest.mark.whole, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def ran(s3_server, tmp_path_factory):
    """The settings, once the driver has ended well."""
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("a folder cannot be hidden from the workers: that takes root")
    home = tmp_path_factory.mktemp("cluster-on-s3")
    own = machines_on(s3_server, "cluster", home)()
    own.s3.copies.mkdir()
    bucket.write(own.place(own.data_dir / "inbox" / "sales.jsonl"), sales(900))
    with cluster(home, workers=2, java_options=C1, hidden=own.s3.copies) as found:
        done = subprocess.run(
            [sys.executable, "-c", JOB + INTERESTS], env=small(found.master) | told(own), cwd=home, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return own


def test_all_events_are_in_the_bucket_and_what_was_made_is_published(ran):
    assert ledger.counts(ran).accepted == 1000
    made = generations.published(ran)
    assert made.metrics["published"] and made.metrics["metrics"]["users_judged"]
    assert json.loads(bucket.text(ran.place(ran.results_dir / "metrics.json")))["generation"] == made.id


def test_segments_interests_and_trends_are_kept_and_shown_in_the_bucket(ran):
    results = bucket.listed(ran.place(ran.results_dir))
    assert {f"{name}.csv" for name in ("recommendations", "segments", "interests", "trending")} <= results.keys()
    assert interest_files.latest(ran).summary["users"]
    segments = pq.read_table(segment_files.latest(ran, "behaviour").path / segment_files.SEGMENTS, columns=["user"])
    everyone = generations.scan(generations.published(ran), generations.USERS)
    assert set(segments["user"].to_pylist()) == set(everyone["user"].to_pylist())
