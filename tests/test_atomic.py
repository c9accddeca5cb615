"""Files that are whole or absent, whoever else writes them and wherever a writer is killed."""

import errno
import os
import signal
import subprocess
import sys
from multiprocessing.pool import ThreadPool

import pytest

from companion.atomic import StorageError, atomic_write, clear_leftovers, sentence

HALF_WRITTEN = """
import sys
from companion.atomic import atomic_write
with atomic_write(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print("written", flush=True)
    sys.stdin.read()
"""


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "note.txt"
    with atomic_write(str(path)) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == path.parent  # a move within one file system
        assert temporary.name.startswith(".note.txt.")
        assert temporary.suffix == ".part"
        assert not path.exists()
    assert [p.name for p in path.parent.iterdir()] == ["note.txt"]
    assert path.read_text() == "whole"


@pytest.mark.parametrize("written", [True, False])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, written):
    path = tmp_path / "note.txt"
    path.write_text("old")

    def broken_off():
        with atomic_write(path) as temporary:
            if written:
                temporary.write_text("ha")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]
    assert path.read_text() == "old"


def test_of_two_writers_at_once_the_last_wins(tmp_path):
    path = tmp_path / "note.txt"
    with atomic_write(path) as second:
        second.write_text("second")
        with atomic_write(path) as first:
            first.write_text("first")
        assert path.read_text() == "first"
    assert path.read_text() == "second"
    assert len(list(tmp_path.iterdir())) == 1


def test_of_many_writers_at_once_none_clears_the_others(tmp_path):
    def write(number):
        with atomic_write(tmp_path / "note.txt") as temporary:
            temporary.write_text(str(number))

    with ThreadPool(8) as threads:
        threads.map(write, range(400), chunksize=1)
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]
    assert int((tmp_path / "note.txt").read_text()) < 400


def test_what_a_killed_writer_left_is_cleared_and_what_a_living_one_writes_is_not(tmp_path):
    path = tmp_path / "note [1].txt"
    for name in (".film.mkv.part", ".note [1].txt.old.part", ".other.txt.0badcafe.part"):  # none of this file's
        (tmp_path / name).write_text("half")
    others = set(tmp_path.iterdir())
    command, pipes = [sys.executable, "-c", HALF_WRITTEN, str(path)], {"stdin": subprocess.PIPE}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **pipes) as process:
        assert process.stdout.readline() == "written\n"
        (left,) = set(tmp_path.iterdir()) - others
        clear_leftovers(path)
        assert left.read_text() == "half"
        process.send_signal(signal.SIGKILL)
    assert left.exists()
    with atomic_write(path) as temporary:
        temporary.write_text("whole")
    assert set(tmp_path.iterdir()) == others | {path}


def test_what_is_moved_has_reached_the_disk(tmp_path, monkeypatch):
    path, done = tmp_path / "note.txt", []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: done.append("fsync") or fsync(file))
    monkeypatch.setattr(os, "replace", lambda *paths: done.append("replace") or replace(*paths))
    with atomic_write(path) as temporary:
        temporary.write_text("whole")
    assert done == ["fsync", "replace"]


def test_a_disk_that_is_full_only_at_the_end_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "note.txt"
    path.write_text("old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    told = "note.txt: it could not be written (No space left on device): free space there, then call again"
    with pytest.raises(StorageError) as caught, atomic_write(path) as temporary:
        temporary.write_text("new")
    assert told in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]
    assert path.read_text() == "old"


def test_an_error_of_the_network_is_none_of_the_disk(tmp_path):
    with pytest.raises(ConnectionResetError, match="by peer"), atomic_write(tmp_path / "note.txt"):
        raise ConnectionResetError(errno.ECONNRESET, "reset by peer")


def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    message = r"note.txt: it could not be written .*: make the folder there"
    with pytest.raises(StorageError, match=message), atomic_write(tmp_path / "file" / "note.txt"):
        pass


def test_the_sentence_on_a_file_says_what_to_do_where_that_is_known():
    denied = PermissionError(errno.EACCES, "Permission denied", "a.csv")
    assert sentence(denied) == (
        "a.csv: Permission denied: allow this user to write there, or choose another folder, then call again"
    )
    missing = FileNotFoundError(errno.ENOENT, "No such file or directory", "a.csv")
    assert sentence(missing) == "[Errno 2] No such file or directory: 'a.csv'"
    assert sentence(StorageError("told")) == "told"
