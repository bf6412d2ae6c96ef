from __future__ import annotations

import os

import pytest

from gateway.config.problems import Wrong
from gateway.system import text_file
from gateway.system.text_file import MOST_BYTES, TextFile, file_text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a", "a"),
        (b"a\n", "a"),
        (b"a\r\n", "a"),
        (b"a\n\n", "a\n"),
        (b" a ", " a "),
        ("\ufeffé\n".encode(), "é"),
        (b"a\r", "a\r"),
    ],
)
def test_one_final_line_break_is_not_part_of_the_text(tmp_path, content, text):
    (tmp_path / "f").write_bytes(content)
    assert file_text(tmp_path / "f") == text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\r\n", "is empty"),
        (b"\xff", "is not UTF-8 text"),
        (b"a" * (MOST_BYTES + 1), "is larger than 64 KiB"),
    ],
)
def test_what_is_no_text_names_the_file(tmp_path, content, message):
    path = tmp_path / "f"
    path.write_bytes(content)
    with pytest.raises(Wrong) as caught:
        file_text(path)
    assert str(caught.value) == f"{path} {message}"


def test_a_file_of_the_greatest_size_is_read(tmp_path):
    (tmp_path / "f").write_bytes(b"a" * MOST_BYTES)
    assert len(file_text(tmp_path / "f")) == MOST_BYTES


def test_a_pipe_without_a_writer_holds_nobody(tmp_path):
    os.mkfifo(tmp_path / "f")
    with pytest.raises(Wrong, match="is not a regular file"):
        file_text(tmp_path / "f")


def test_a_file_that_cannot_be_read_at_first_is_wrong(tmp_path):
    with pytest.raises(Wrong, match="No such file"):
        TextFile(tmp_path / "f")


def test_a_file_that_is_replaced_is_read_again(tmp_path):
    path = tmp_path / "f"
    path.write_text("one")
    file = TextFile(path)
    assert file.current() == "one"
    (tmp_path / "new").write_text("two")
    (tmp_path / "new").replace(path)
    assert file.current() == "two"


def test_a_file_that_is_written_over_is_read_again(tmp_path):
    path = tmp_path / "f"
    path.write_text("one")
    file = TextFile(path)
    path.write_text("other")
    assert file.current() == "other"


def test_a_file_that_has_not_changed_is_not_read(tmp_path, monkeypatch):
    path, read = tmp_path / "f", []
    path.write_text("one")
    file = TextFile(path)
    monkeypatch.setattr(text_file, "read_regular", lambda *_: read.append(1))
    assert [file.current() for _ in range(3)] == ["one"] * 3
    assert read == []


def test_a_text_written_in_place_with_its_old_size_and_time_is_another(tmp_path):
    """As ``rsync --inplace --times`` does it, or two writes within one tick of a coarse clock."""
    path = tmp_path / "f"
    path.write_text("one")
    file = TextFile(path)
    times = path.stat()
    path.write_text("two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = path.stat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (times.st_ino, 3, times.st_mtime_ns)
    assert file.current() == "two"


def test_a_link_that_is_swapped_is_followed(tmp_path):
    """As Kubernetes does it: secret -> ..data/secret, ..data -> ..one, then ..data -> ..two."""
    for name in ("one", "two"):
        (tmp_path / f"..{name}").mkdir()
        (tmp_path / f"..{name}" / "secret").write_text(name)
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "secret").symlink_to("..data/secret")
    file = TextFile(tmp_path / "secret")
    assert file.current() == "one"
    (tmp_path / "..new").symlink_to("..two")
    (tmp_path / "..new").replace(tmp_path / "..data")
    assert file.current() == "two"


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff", b"a\nb", b"a" * (MOST_BYTES + 1)])
def test_nonsense_does_not_replace_the_last_good_text(tmp_path, content):
    path = tmp_path / "f"
    path.write_text("good")
    file = TextFile(path)
    path.write_bytes(content)
    assert file.current() == "good"
    path.write_text("better")
    assert file.current() == "better"


def test_a_file_that_vanishes_and_comes_back_is_read_again(tmp_path):
    path = tmp_path / "f"
    path.write_text("one")
    file = TextFile(path)
    path.unlink()
    assert file.current() == "one"
    path.write_text("two")
    assert file.current() == "two"


def test_it_does_not_show_its_text(tmp_path):
    (tmp_path / "f").write_text("hunter2")
    assert "hunter2" not in repr(TextFile(tmp_path / "f"))


def test_what_is_wrong_with_a_file_is_remembered_until_it_is_good(tmp_path):
    """`observe.file_watch` tells it."""
    path = tmp_path / "f"
    path.write_text("hunter2")
    file = TextFile(path)
    troubles = []
    for content in ("", None, "hunter2\x00", "hunter3"):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
        file.look()
        troubles.append(file.trouble)
    assert troubles == [
        "is empty",
        "cannot be read: No such file or directory",
        "the value contains a line break or another control character",
        "",
    ]
    assert (file.current(), file.readings) == ("hunter3", 2)
