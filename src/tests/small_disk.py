"""A small disk of its own, to be filled and to be made read-only."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


class SmallDisk:
    """A mounted tmpfs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Take all the space that is left."""
        with (self.folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        assert shutil.disk_usage(self.folder).free == 0

    def make_read_only(self) -> None:
        """Remount it read-only, as the kernel does with a disk that fails."""
        subprocess.run(["mount", "-o", "remount,ro", self.folder], check=True)


@contextmanager
def mounted_disk(folder: Path, size: str) -> Iterator[SmallDisk]:
    """Yield an empty disk of so many bytes, as mount writes sizes (64k, 4m), on a new folder."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False).returncode:
        pytest.skip("this container can't mount a tmpfs")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Yield an empty disk of 4 MB."""
    with mounted_disk(tmp_path / "small", "4m") as disk:
        yield disk
