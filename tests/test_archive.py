"""Many files as one: every byte of it is checked before any of it is used."""

import random

import pytest

from spark_app.storage import archive
from spark_app.storage.archive import WrongDumpError


@pytest.fixture
def dumped(tmp_path):
    """A small dump of two files, and what they hold."""
    held = {"events/part one.parquet": bytes(range(256)) * 9, "inbox/ä'\n☃.csv": b"user,product\n", "tuned.json": b""}
    files = {}
    for number, (name, content) in enumerate(held.items()):
        files[name] = tmp_path / str(number)
        files[name].write_bytes(content)
    path = tmp_path / "dump.tar"
    archive.write(path, files, {"counts": {"events": 3}})
    return path, held


def test_what_goes_in_comes_out_with_its_time(dumped, tmp_path):
    path, held = dumped
    manifest = archive.checked(path)
    archive.extract(path, tmp_path / "out", manifest["files"], manifest)
    out = {str(file.relative_to(tmp_path / "out")): file for file in (tmp_path / "out").rglob("*") if file.is_file()}
    assert {name: file.read_bytes() for name, file in out.items()} == held
    assert out["tuned.json"].stat().st_mtime_ns == (tmp_path / "2").stat().st_mtime_ns
    assert manifest["counts"] == {"events": 3} and manifest["files"]["tuned.json"]["bytes"] == 0
    assert not list(tmp_path.glob(".*"))


def test_any_other_byte_is_refused(dumped):
    path, _ = dumped
    whole = path.read_bytes()
    # A few in every member, and at every seam.
    places = {0, len(whole) - 1, len(whole) - 72, len(whole) - 73, *random.Random(7).sample(range(len(whole)), 150)}
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(WrongDumpError, match=r"dump\.tar is damaged: "):
            archive.checked(path)


def test_the_damaged_file_is_named(dumped):
    path, held = dumped
    whole = path.read_bytes()
    place = whole.index(held["events/part one.parquet"]) + 700
    path.write_bytes(whole[:place] + b"!" + whole[place + 1 :])
    with pytest.raises(WrongDumpError, match=r"events/part one[.]parquet is not as it was written"):
        archive.checked(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_dump_that_was_cut_short_is_refused(dumped, share):
    path, _ = dumped
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(WrongDumpError, match="damaged"):
        archive.checked(path)


def test_what_is_no_dump_is_refused(tmp_path):
    (tmp_path / "sales.csv").write_text("user,product\n" * 100)
    for path in (tmp_path / "sales.csv", tmp_path, tmp_path / "nothing"):
        with pytest.raises(WrongDumpError, match=r"is no file|damaged"):
            archive.checked(path)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..", "a\\..\\evil"])
def test_nothing_lies_outside_of_the_folder(tmp_path, name):
    (tmp_path / "evil").write_text("evil")
    archive.write(tmp_path / "dump.tar", {name: tmp_path / "evil"}, {})
    with pytest.raises(WrongDumpError, match="outside of the data folder"):
        archive.checked(tmp_path / "dump.tar")


def test_a_newer_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_FORMAT", 2)
    archive.write(tmp_path / "dump.tar", {}, {})
    monkeypatch.undo()
    with pytest.raises(WrongDumpError, match="format 2, expected 1"):
        archive.checked(tmp_path / "dump.tar")


def test_a_file_that_cannot_be_read_leaves_no_dump(tmp_path):
    with pytest.raises(FileNotFoundError):
        archive.write(tmp_path / "dump.tar", {"events/gone": tmp_path / "gone"}, {})
    assert list(tmp_path.iterdir()) == []
