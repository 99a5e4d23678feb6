"""Writes a model and the file beside it so that a run that fails, or is killed, leaves what was there before."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Final

from spec_lang import partial
from spec_lang.weights.stored import Stored, WeightsError, refuse

STEP: Final = 1 << 26
"""Bytes that the system is asked to copy at once."""
BUFFER: Final = 4 << 20
"""Bytes held at a time where it does not copy."""
NO_COPY: Final = frozenset(
    (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY, errno.EBADF)
)
"""What the system says where it cannot copy between two files by itself."""


class Output:
    """The files of one export: `NAME.onnx`, and `NAME.onnx.data` where `side` was asked for.

    Both are written under other names in the same folder and renamed by `commit`, the model last. Leaving the context
    without a commit removes them; what a killed run left is removed by the next one. `durable` has the data on the disk before it is
    renamed, so that a loss of power leaves what was there too.
    """

    def __init__(self, path: str, *, durable: bool = True) -> None:
        self.durable = durable
        self.path = path
        self.folder = os.path.dirname(path) or "."
        self.side_name = os.path.basename(path) + ".data"
        self._temporary: dict[str, tuple[str, int]] = {}

    def __enter__(self) -> Output:
        for path in (self.path, self.side_path):
            if os.path.isdir(path):
                raise refuse("E1016", "cannot write the model: there is a folder of that name", path)
        self._clean()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path, fd in self._temporary.values():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            os.close(fd)
        self._temporary.clear()

    @property
    def side_path(self) -> str:
        return os.path.join(self.folder, self.side_name)

    def side(self, size: int) -> int:
        """A descriptor for the file beside the model, of this size, to be filled by `os.pwrite`.

        Raises:
            WeightsError: it cannot be made, or the disk has not the room (E1016).
        """
        return self._sized(self.side_path, size)

    def main(self, size: int) -> int:
        """A descriptor for the file itself, of this size, to be filled by `os.pwrite` and put in place by `commit(())`.

        Raises:
            WeightsError: it cannot be made, or the disk has not the room (E1016).
        """
        return self._sized(self.path, size)

    def _sized(self, path: str, size: int) -> int:
        fd = self._open(path)
        try:
            room = os.fstatvfs(fd)
            if size > room.f_bavail * room.f_frsize:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            # Not `posix_fallocate`: where a file system has no such call, it writes to every block instead.
            os.ftruncate(fd, size)
        except OSError as error:
            raise self.failed(error) from None
        return fd

    def forget_side(self) -> None:
        """Use the file beside the model as scratch space only: `commit` drops it."""
        path, _ = self._temporary[self.side_path]
        os.unlink(path)

    def commit(self, model: Iterable[bytes | memoryview]) -> None:
        """Write the model and put everything in place.

        Raises:
            WeightsError: it cannot be written (E1016).
        """
        try:
            if self.path not in self._temporary:
                fd = self._open(self.path)
                for chunk in model:
                    write(fd, chunk)
            for temporary, descriptor in self._temporary.values():
                if self.durable and os.path.exists(temporary):
                    os.fsync(descriptor)
            with contextlib.ExitStack() as held:
                # What is replaced is freed behind the last rename: to free a large file between them takes long enough
                # for a kill to come there.
                for final in self._temporary:
                    with contextlib.suppress(OSError):
                        held.callback(os.close, os.open(final, os.O_RDONLY | os.O_CLOEXEC))
                for final, (temporary, _) in self._temporary.items():
                    if os.path.exists(temporary):
                        os.replace(temporary, final)
            if self.durable:
                self._sync_folder()
        except OSError as error:
            raise self.failed(error) from None

    def differs(self, model: Iterable[bytes | memoryview]) -> list[str]:
        """The files that `commit` would change; none of them is written.

        Raises:
            WeightsError: something cannot be read or written (E1016).
        """
        try:
            fd = self._open(self.path)
            for chunk in model:
                write(fd, chunk)
            return [
                final
                for final, (temporary, descriptor) in self._temporary.items()
                if os.path.exists(temporary) and not _is_copy(descriptor, final)
            ]
        except OSError as error:
            raise self.failed(error) from None

    def _sync_folder(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _open(self, final: str) -> int:
        try:
            path, fd = partial.begin(final)
        except OSError as error:
            raise self.failed(error) from None
        self._temporary[final] = (path, fd)
        return fd

    def failed(self, error: OSError) -> WeightsError:
        """The error to raise where the system refuses."""
        return refuse("E1016", f"cannot write the model: {error.strerror}", self.path)

    def _clean(self) -> None:
        """Remove what killed runs left of these two files."""
        try:
            partial.clean((self.path, self.side_path))
        except OSError as error:
            raise self.failed(error) from None


def _is_copy(fd: int, path: str) -> bool:
    """Whether a file has the bytes of a descriptor."""
    if not os.path.isfile(path):
        return False
    other = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size
        return os.fstat(other).st_size == size and all(
            os.pread(fd, BUFFER, at) == os.pread(other, BUFFER, at) for at in range(0, size, BUFFER)
        )
    finally:
        os.close(other)


def write(fd: int, data: bytes | memoryview, offset: int | None = None) -> None:
    """All of `data`, at the descriptor's position or at an offset."""
    view = memoryview(data)
    while view:
        count = os.write(fd, view) if offset is None else os.pwrite(fd, view, offset)
        view = view[count:]
        offset = None if offset is None else offset + count


def transfer(stored: Stored, start: int, count: int, fd: int, at: int) -> Iterator[int]:
    """Copy bytes of a tensor into a file; gives the bytes of each step.

    The system copies, or shares the blocks, where it can: nothing passes through this process.

    Raises:
        WeightsError: the file became shorter (E1003).
    """
    source = os.open(stored.path, os.O_RDONLY)
    offset, end = stored.offset + start, stored.offset + start + count
    system = hasattr(os, "copy_file_range")
    try:
        while offset < end:
            done = 0
            if system:
                try:
                    done = os.copy_file_range(source, fd, min(STEP, end - offset), offset, at)
                except OSError as error:
                    if error.errno not in NO_COPY:
                        raise
            if not done:  # also at the end of a file, which some file systems report wrongly
                system = False
                chunk = os.pread(source, min(BUFFER, end - offset), offset)
                if not chunk:
                    raise refuse("E1003", "the file became shorter while it was read", stored.path)
                write(fd, chunk, at)
                done = len(chunk)
            offset += done
            at += done
            yield done
    finally:
        os.close(source)
