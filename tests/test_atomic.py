"""Files that are whole or absent."""

import pytest

from companion.atomic import atomic_write


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
