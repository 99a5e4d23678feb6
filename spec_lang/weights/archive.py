"""Finds the records of a zip archive, and unpacks none; a little of APPNOTE.TXT, with every size checked.

Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from spec_lang.weights.stored import read_exactly, shown

MAX_DIRECTORY: Final = 64 << 20
END: Final = struct.Struct("<4s4H2LH")
END64_LOCATOR: Final = struct.Struct("<4sLQL")
END64: Final = struct.Struct("<4sQ2H2L4Q")
CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
LOCAL: Final = struct.Struct("<4s5H3L2H")
STORED: Final = 0
ENCRYPTED: Final = 1


class BadArchive(Exception):
    """What is wrong with the archive, for the user."""


class Record(NamedTuple):
    """One file in the archive: where its bytes are, and whether they are compressed."""

    offset: int
    size: int
    compressed: bool = False


def records(fd: int, size: int) -> dict[str, Record]:
    """The records by name.

    Raises:
        BadArchive: the archive is malformed or cut off, or its records overlap.
    """
    start, length, count = _directory(fd, size)
    if length > MAX_DIRECTORY:
        raise BadArchive(f"its directory has {length:,} bytes, more than the {MAX_DIRECTORY:,} that are read")
    directory = read_exactly(fd, length, start) if start + length <= size else None
    if directory is None:
        raise BadArchive("its directory lies outside the file (a broken download?)")
    found: dict[str, Record] = {}
    at = 0
    for _ in range(count):
        name, record, at = _record(fd, directory, at, start)
        if name in found:
            raise BadArchive(f"{shown(name)} is there twice")
        found[name] = record
    end = 0
    for record in sorted(found.values()):
        if record.offset < end:
            raise BadArchive("its records overlap")
        end = max(end, record.offset + record.size)
    return found


def _directory(fd: int, size: int) -> tuple[int, int, int]:
    """Start, length and count of the central directory."""
    tail_at = max(0, size - END.size - 0xFFFF)
    tail = read_exactly(fd, size - tail_at, tail_at) or b""
    at = tail.rfind(b"PK\5\6")
    if at < 0 or at + END.size > len(tail):
        raise BadArchive("its end is missing (a broken download?)")
    _, disk, first_disk, here, count, length, start, _ = END.unpack_from(tail, at)
    locator_at = tail_at + at - END64_LOCATOR.size
    locator = read_exactly(fd, END64_LOCATOR.size, locator_at) if locator_at >= 0 else None
    if locator is not None and locator.startswith(b"PK\6\7"):
        end64 = read_exactly(fd, END64.size, END64_LOCATOR.unpack(locator)[2])
        if end64 is None or not end64.startswith(b"PK\6\6"):
            raise BadArchive("its 64-bit end is missing")
        _, _, _, _, disk, first_disk, here, count, length, start = END64.unpack(end64)
    if disk or first_disk or here != count:
        raise BadArchive("it is split over several files")
    if count * CENTRAL.size > length:
        raise BadArchive(f"its directory is too short for its {count:,} records")
    return start, length, count


def _record(fd: int, directory: bytes, at: int, limit: int) -> tuple[str, Record, int]:
    """The record at `at` of the directory, and where the next one stands."""
    if at + CENTRAL.size > len(directory) or directory[at : at + 4] != b"PK\1\2":
        raise BadArchive("its directory is malformed")
    _, _, _, flags, method, _, _, _, packed, size, *lengths, _, _, _, offset = CENTRAL.unpack_from(
        directory, at
    )
    name_at = at + CENTRAL.size
    extra_at = name_at + lengths[0]
    after = extra_at + lengths[1] + lengths[2]
    if after > len(directory):
        raise BadArchive("its directory is malformed")
    raw = directory[name_at:extra_at]
    name = raw.decode("utf-8", "replace")
    size, packed, offset = _wide(directory[extra_at : extra_at + lengths[1]], size, packed, offset)
    if flags & ENCRYPTED:
        raise BadArchive(f"{shown(name)} is encrypted")
    if method == STORED and packed != size:
        raise BadArchive(f"{shown(name)} has two sizes")
    local = read_exactly(fd, LOCAL.size, offset)
    if local is None or not local.startswith(b"PK\3\4"):
        raise BadArchive(f"{shown(name)} is not where the directory says")
    *_, local_method, _, _, _, _, _, local_name, local_extra = LOCAL.unpack(local)
    if local_method != method or read_exactly(fd, local_name, offset + LOCAL.size) != raw:
        raise BadArchive(f"{shown(name)} is described in two ways")
    start = offset + LOCAL.size + local_name + local_extra
    if start + packed > limit:
        raise BadArchive(f"{shown(name)} ends behind the records (a broken download?)")
    return name, Record(start, packed, method != STORED), after


def _wide(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """The three numbers, from the 64-bit extra field where the record's own fields are full."""
    if 0xFFFFFFFF not in (size, packed, offset):
        return size, packed, offset
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4 : at + 4 + length]
        if kind == 1:
            wide = iter(struct.unpack_from(f"<{len(field) // 8}Q", field))
            try:
                size, packed, offset = (next(wide) if n == 0xFFFFFFFF else n for n in (size, packed, offset))
            except (StopIteration, RuntimeError):
                raise BadArchive("a 64-bit size is missing") from None
            return size, packed, offset
        at += 4 + length
    raise BadArchive("a 64-bit size is missing")
