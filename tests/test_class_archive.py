import os
from pathlib import Path

from spark_app.running import class_archive


def home(folder, release='JAVA_VERSION="17.0.1"'):
    for name in ("java", "jars", "cache"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "java" / "release").write_text(release)
    return folder / "java", folder / "jars", folder / "cache"


def option(java, jars, folder, others=""):
    return class_archive.option(java, jars, others, folder)


def file_of(told):
    return Path(told.split()[0].partition("=")[2])


def test_the_first_java_writes_what_later_ones_map(tmp_path):
    places = home(tmp_path)
    first = option(*places)
    assert first.startswith("-XX:ArchiveClassesAtExit=")
    file_of(first).write_bytes(bytes(1 << 21))
    assert option(*places).startswith(f"-XX:SharedArchiveFile={file_of(first)} ")
    assert option(*places, "-XX:+UseZGC").startswith("-XX:ArchiveClassesAtExit=")


def test_another_java_has_another_file(tmp_path):
    before = file_of(option(*home(tmp_path)))
    assert file_of(option(*home(tmp_path, 'JAVA_VERSION="17.0.2"'))) != before


def test_one_that_was_only_begun_is_written_anew(tmp_path):
    places = home(tmp_path)
    file_of(option(*places)).write_bytes(b"begun")
    assert option(*places).startswith("-XX:ArchiveClassesAtExit=")


def test_those_that_were_used_last_are_kept(tmp_path):
    java, jars, folder = home(tmp_path)
    files = [file_of(option(java, jars, folder, str(number))) for number in range(6)]
    for age, file in enumerate(files):
        file.write_bytes(bytes(1 << 21))
        os.utime(file, (1e9 - age, 1e9 - age))
    option(java, jars, folder, "5")
    option(java, jars, folder, "another")
    assert [file.exists() for file in files] == [True, True, False, False, False, True]


def test_where_nothing_can_be_written_java_starts_without(tmp_path):
    java, jars, _ = home(tmp_path)
    (tmp_path / "file").write_text("")
    assert option(java, jars, tmp_path / "file" / "below") == ""
    assert option(java, jars, tmp_path / "with a blank") == ""


def test_without_a_home_java_starts_without(tmp_path, monkeypatch):
    java, jars, _ = home(tmp_path)

    def nowhere():
        raise RuntimeError

    monkeypatch.setattr(Path, "home", nowhere)
    assert class_archive.option(java, jars) == ""
