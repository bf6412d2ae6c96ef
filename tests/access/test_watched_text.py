"""A file that decides about callers: read again soon after it changed, kept while it cannot be used."""

from pathlib import Path

from gateway.access.watched_text import LOOK_S, WatchedText


class Now:
    s = 100.0

    def __call__(self) -> float:
        return self.s


def number(text: str) -> int:
    if not text.strip().isdigit():
        raise ValueError("holds no number")
    return int(text)


def watched(tmp_path: Path, content: bytes | None = b"1"):
    path, now = tmp_path / "file", Now()
    if content is not None:
        path.write_bytes(content)
    return path, now, WatchedText(str(path), number, now)


def test_a_change_is_seen_at_the_next_look(tmp_path):
    path, now, text = watched(tmp_path)
    path.write_text("22")

    assert text.present() == 1
    now.s += LOOK_S
    assert text.present() == 22
    assert (text.readings, text.trouble) == (2, "")


def test_what_cannot_be_used_leaves_the_last_content_in_use(tmp_path):
    path, now, text = watched(tmp_path)
    for content, words in ((b"x", "holds no number"), (b"\xff", "is not UTF-8")):
        path.write_bytes(content)
        now.s += LOOK_S
        assert text.present() == 1
        assert text.trouble == words
    path.unlink()
    now.s += LOOK_S
    assert text.present() == 1
    assert text.trouble == "cannot be read: No such file or directory"
    path.write_text("333")
    now.s += LOOK_S
    assert (text.present(), text.trouble) == (333, "")


def test_what_cannot_be_used_is_read_once(tmp_path):
    read = []
    path, now = tmp_path / "file", Now()
    path.write_text("x")
    text = WatchedText(str(path), lambda content: read.append(content) or number(content), now)
    for _ in range(3):
        now.s += LOOK_S
        assert text.present() is None

    assert read == ["x"]
    assert text.trouble == "holds no number"


def test_without_any_content_there_is_none(tmp_path):
    path, now, text = watched(tmp_path, None)

    assert text.present() is None
    path.write_text("4")
    now.s += LOOK_S
    assert text.present() == 4


def test_a_pipe_or_a_directory_in_its_place_blocks_nobody(tmp_path):
    (tmp_path / "file").mkdir()
    text = WatchedText(str(tmp_path / "file"), number, Now())

    assert text.content is None
    assert text.trouble.startswith("cannot be read")
