"""Files that are replaced, one by one or all at once as Kubernetes does it with the volumes of secrets."""

from __future__ import annotations

from pathlib import Path


class Plain:
    """Each file is written beside its place, and renamed: readers see the old or the new one, never a part."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder

    def __truediv__(self, name: str) -> Path:
        return self._folder / name

    def replace(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            new = self._folder / f"{name}.new"
            new.write_text(text)
            new.replace(self._folder / name)


class Kubernetes:
    """`NAME -> ..data/NAME`, `..data -> ..NUMBER`, and `..data` alone is replaced: all files change at once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._number = 0

    def __truediv__(self, name: str) -> Path:
        return self._folder / name

    def replace(self, files: dict[str, str]) -> None:
        self._number += 1
        version = self._folder / f"..{self._number}"
        version.mkdir()
        for name, text in files.items():
            (version / name).write_text(text)
            if not (self._folder / name).is_symlink():
                (self._folder / name).symlink_to(Path("..data") / name)
        link = self._folder / "..data_tmp"
        link.symlink_to(version.name)
        link.replace(self._folder / "..data")
