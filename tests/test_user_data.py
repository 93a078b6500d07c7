"""deploy/ec2/user-data.sh without a machine: what it would write, held against what the program knows."""

import configparser
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from taken import PROGRAMS, parse

from spark_app import settings
from spark_app.running import java

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "deploy" / "ec2" / "user-data.sh"
TEXT = SCRIPT.read_text()
# Its functions; what calls them comes after.
FUNCTIONS = TEXT[: TEXT.index("\nlook\n")]
GIVEN = "RELEASE=file:///r.tar.gz DATA=s3a://shop/data RESULTS=s3a://shop/results REGION=eu-west-1 BROKERS={} LISTEN={}"
FOREIGN = {"AWS_REGION", "AWS_DEFAULT_REGION", "HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR", "PYTHONPATH"}


@pytest.fixture(params=["", "kafka.example:9092"], ids=["files", "kafka"])
def written(request, tmp_path):
    """What the script would write for a shop with or without a broker: units and settings, in one folder."""
    done = run(f"UNITS={tmp_path} CONFIG={tmp_path}; write_units; write_settings", brokers=request.param)
    assert done.returncode == 0, done.stderr
    return tmp_path


def run(calls, brokers="", listen="127.0.0.1", outer=GIVEN):
    said = {word.partition("=")[0]: word.partition("=")[2] for word in outer.format(brokers, listen).split()}
    script, outside = f"{FUNCTIONS}\n{calls}", {"PATH": os.environ["PATH"]} | said
    return subprocess.run(["bash", "-c", script], env=outside, capture_output=True, text=True, check=False)


def units(folder):
    found = {}
    for path in sorted(folder.glob("*.service")):
        unit = configparser.RawConfigParser(strict=False, delimiters=("=",))
        unit.optionxform = str
        unit.read(path)
        found[path.stem] = unit
    return found


def environment(file):
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if line)


def test_it_is_a_script_that_stops_at_the_first_fault():
    assert subprocess.run(["bash", "-n", SCRIPT], check=False).returncode == 0
    assert "\nset -Eeuo pipefail\n" in TEXT
    assert SCRIPT.stat().st_mode & 0o100
    # EC2 takes 16 KB.
    assert len(TEXT.encode()) < 16_384


def test_shellcheck_finds_nothing():
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not here")
    checked = subprocess.run(["shellcheck", SCRIPT], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_each_service_runs_a_verb_as_a_user_of_its_own(written):
    found = units(written)
    assert set(found) == {"millstream-app", "millstream-api", "millstream-web"}
    for unit in found.values():
        python, *arguments = shlex.split(unit["Service"]["ExecStart"])
        assert python.endswith("/.venv/bin/python") and tuple(["python", *arguments[:2]]) in PROGRAMS
        parse(PROGRAMS["python", *arguments[:2]], arguments[2:])
        assert unit["Service"]["User"] == "millstream" and unit["Service"]["ProtectSystem"] == "strict"
        assert unit["Service"]["KillMode"] == "mixed"


def test_the_page_waits_for_the_api_at_the_address_that_both_are_told(written):
    found, given = units(written), environment(written / "settings.env")
    port = re.search(r"--port (\d+)", found["millstream-api"]["Service"]["ExecStart"])[1]
    assert given["MILLSTREAM_WEB__API_URL"] == f"http://{given['MILLSTREAM_SERVE__HOST']}:{port}"
    asked = found["millstream-web"]["Service"]["ExecStartPre"].split()[-1]
    assert asked == f"{given['MILLSTREAM_WEB__API_URL']}/health/live"


def test_every_setting_is_one_that_the_program_takes(written, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    known = {row[0] for row in settings.listed(settings.load())}
    given = environment(written / "settings.env") | environment(written / "keys.env")
    assert set(given) - FOREIGN <= known
    for name in set(given) & known:
        monkeypatch.setenv(name, str(tmp_path) if given[name].startswith("s3a://") else given[name])
    settings.load()


def test_a_shop_with_a_broker_takes_from_its_topic_and_another_from_the_inbox(written):
    given = environment(written / "settings.env")
    brokers = given.get("MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS")
    assert given["MILLSTREAM_SOURCE"] == ("kafka" if brokers else "files")


def test_keys_are_for_root_alone_long_enough_and_stay(tmp_path):
    calls = f"CONFIG={tmp_path}; write_settings; "
    run(calls)
    keys = (tmp_path / "keys.env").read_text()
    assert len(set(environment(tmp_path / "keys.env").values())) == 4
    assert all(len(key) == 48 for key in environment(tmp_path / "keys.env").values())
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("keys.env", "own.env")} == {0o600}
    run(calls)
    assert (tmp_path / "keys.env").read_text() == keys


@pytest.mark.parametrize(
    ("outer", "listen", "told"),
    [
        ("RELEASE=file:///r DATA=s3a://your-bucket/data RESULTS=/r LISTEN={1}", "127.0.0.1", "still says your-bucket"),
        (GIVEN, "0.0.0.0", "LISTEN=0.0.0.0: expected"),
    ],
)
def test_what_was_not_set_is_said_before_anything_is_done(outer, listen, told):
    done = run("look", listen=listen, outer=outer)
    assert done.returncode == 1 and told in done.stderr


def test_a_release_is_kept_with_the_one_before_and_fetched_by_what_it_is_tried_with(tmp_path):
    assert re.search(r"^BOTO3=(\S+)$", TEXT, re.M)[1] in (ROOT / "requirements-s3.txt").read_text().split()
    assert java.APT_LINE.split()[-1] in TEXT
    calls = f"""
        HOME_DIR={tmp_path}
        for day in 1 2 3; do
            install -d "$HOME_DIR/releases/$day"; touch -d "2026-01-0$day" "$HOME_DIR/releases/$day"
        done
        forget_older
        ls "$HOME_DIR/releases"
    """
    assert run(calls).stdout.split() == ["2", "3"]


def test_a_release_that_was_tampered_with_is_refused(tmp_path):
    (tmp_path / "r.tar.gz").write_bytes(b"x")
    done = run(f"RELEASE=file://{tmp_path}/r.tar.gz RELEASE_SHA256={'0' * 64}; fetch_release {tmp_path}/to")
    assert done.returncode == 1 and "is not what RELEASE_SHA256 says" in done.stderr
