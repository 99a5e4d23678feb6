"""A reader of pickles that runs nothing: it knows data, the calls that rebuild tensors, and no other.

Whatever else a pickle names or builds becomes an `Opaque`: it is never imported, called or filled. Time and memory are
bounded by the number of opcodes. Source: Lib/pickletools.py, torch/_utils.py, torch/serialization.py.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from spec_lang.weights.stored import shown

MAX_OPCODES: Final = 2_000_000
"""About 40,000 tensors; an opcode takes at most some 100 bytes of memory."""
MAX_RANK: Final = 64
MAX_NAME: Final = 1000
"""Characters of a class's or function's name."""


class BadPickle(Exception):
    """What is wrong with the pickle, for the user."""


class Global(NamedTuple):
    """A name that the pickle refers to; nothing is imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Opaque:
    """An object that is no tensor and no plain data; `name` is the class or function that would make it."""

    def __init__(self, name: str) -> None:
        self.name = name


class Storage(NamedTuple):
    """A persistent id: the record `key` with `size` elements of `kind` (`FloatStorage`, `UntypedStorage`)."""

    kind: str
    key: str
    size: int


class Foreign(NamedTuple):
    """A tensor whose elements do not lie in a storage as a model's do: `kind` says which (`sparse tensor`)."""

    kind: str


class View(NamedTuple):
    """A tensor: `shape` and `strides` (in elements) from element `offset` on; `dtype` where the storage does not say."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str | None


_MARK: Final = object()
_REBUILD: Final = frozenset(
    {
        "_rebuild_tensor",
        "_rebuild_tensor_v2",
        "_rebuild_tensor_v3",
        "_rebuild_parameter",
        "_rebuild_parameter_with_state",
    }
)
_FOREIGN: Final = {
    "_rebuild_sparse_tensor": "sparse tensor",
    "_rebuild_sparse_csr_tensor": "sparse tensor",
    "_rebuild_qtensor": "quantised tensor",
    "_rebuild_nested_tensor": "nested tensor",
    "_rebuild_meta_tensor_no_storage": "tensor without data",
}


class Loaded(NamedTuple):
    """What a pickle describes, where it ends, and the kind of each storage that it names, by its key."""

    value: Any
    end: int
    kinds: dict[str, str]


def load(data: memoryview, at: int = 0) -> Loaded:
    """The object that the pickle at `at` describes.

    Raises:
        BadPickle: it is malformed, cut off or too long, or uses an opcode that torch.save never writes.
    """
    machine = _Machine(data, at)
    try:
        return Loaded(machine.run(), machine.at, machine.kinds)
    except (IndexError, struct.error, KeyError, TypeError, AttributeError):
        raise BadPickle(f"it is malformed or cut off before byte {machine.at:,}") from None
    except UnicodeDecodeError:
        raise BadPickle(f"the text before byte {machine.at:,} is not UTF-8") from None


class _Machine:
    """The pickle machine: a stack, a memo, a position."""

    def __init__(self, data: memoryview, at: int) -> None:
        self.data = data
        self.at = at
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.kinds: dict[str, str] = {}

    def run(self) -> Any:
        table = _OPCODES
        for _ in range(MAX_OPCODES):
            code = self.data[self.at]
            self.at += 1
            if code == pickle.STOP[0]:
                return self.stack[-1]
            action = table.get(code)
            if action is None:
                raise BadPickle(f"opcode {code:#04x} before byte {self.at:,} is none that tensors need")
            action(self)
        raise BadPickle(f"it has more than {MAX_OPCODES:,} opcodes")

    # --- reading ---

    def take(self, count: int) -> memoryview:
        if count < 0 or self.at + count > len(self.data):
            raise BadPickle(f"it is cut off at byte {self.at:,}")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, layout: str) -> int:
        return int(struct.unpack(layout, self.take(struct.calcsize(layout)))[0])

    def line(self) -> str:
        text, end, _ = bytes(self.data[self.at : self.at + MAX_NAME]).partition(b"\n")
        if not end:
            raise BadPickle(f"the name at byte {self.at:,} has no end")
        self.at += len(text) + 1
        return text.decode("utf-8")

    def text(self, layout: str) -> None:
        self.push(str(self.take(self.number(layout)), "utf-8", "surrogatepass"))

    def raw(self, layout: str) -> None:
        self.push(bytes(self.take(self.number(layout))))

    def old_text(self, layout: str) -> None:
        """Python 2's strings: text where they are, as `torch.load` takes them."""
        data = bytes(self.take(self.number(layout)))
        try:
            self.push(data.decode("utf-8"))
        except UnicodeDecodeError:
            self.push(data)

    def old_number(self) -> None:
        """Protocol 1's numbers and truth values, in decimals."""
        text = self.line()
        if not text.removesuffix("L").removeprefix("-").isdecimal():
            raise BadPickle(f"the number before byte {self.at:,} is malformed")
        self.push(text == "01" if text in ("00", "01") else int(text.removesuffix("L")))

    # --- the stack ---

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if self.marks and len(self.stack) <= self.marks[-1]:
            raise IndexError
        return self.stack.pop()

    def mark(self) -> None:
        self.marks.append(len(self.stack))

    def above_mark(self) -> list[Any]:
        at = self.marks.pop()
        items = self.stack[at:]
        del self.stack[at:]
        return items

    def tuple_of(self, count: int) -> None:
        self.push(tuple(reversed([self.pop() for _ in range(count)])))

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        self.push(self.memo[index])

    # --- building ---

    def append(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if len(items) % 2:
            raise IndexError
        if isinstance(target, dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                # Only text is hashed in bounded time: nested tuples take exponential time, chosen ints collide.
                target[key if isinstance(key, str) else Opaque("key")] = value

    def set_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.set_items([key, value])

    def reference(self) -> None:
        name, module = self.pop(), self.pop()
        known = isinstance(module, str) and isinstance(name, str) and len(module) + len(name) <= MAX_NAME
        self.push(Global(module, name) if known else Opaque("an object without a proper name"))

    def reduce(self) -> None:
        args, function = self.pop(), self.pop()
        self.push(_call(function, args if isinstance(args, tuple) else ()))

    def new_object(self, arguments: int = 1) -> None:
        for _ in range(arguments):
            self.pop()
        maker = self.pop()
        self.push(Opaque(str(maker) if isinstance(maker, Global) else "an object"))

    def persistent(self) -> None:
        storage = _storage(self.pop())
        if isinstance(storage, Storage):
            self.kinds.setdefault(storage.key, storage.kind)
        self.push(storage)


def _storage(pid: Any) -> Storage | Opaque:
    """What `("storage", class, key, location, count)` refers to; the legacy format appends a view."""
    if isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage" and not any(pid[5:]):
        kind, key, count = pid[1], pid[2], pid[4]
        if isinstance(kind, Global) and isinstance(key, str) and type(count) is int and count >= 0:
            return Storage(kind.name, key, count)
    return Opaque("a storage of another kind")


def _call(function: Any, args: tuple[Any, ...]) -> Any:
    """What a call gives, for the few functions that are known."""
    if not isinstance(function, Global):
        return Opaque("the result of a call")
    if function == ("collections", "OrderedDict"):
        return _dict(args)
    if function == ("collections", "defaultdict"):
        return {}
    if function == ("torch", "Size") and len(args) == 1 and _sizes(args[0]):
        return tuple(args[0])
    if function.module == "torch._utils" and function.name in _REBUILD:
        return _rebuild(function.name, args)
    if (
        function == ("torch._tensor", "_rebuild_from_type_v2")
        and len(args) == 4
        and isinstance(args[2], tuple)
    ):
        known = isinstance(args[0], Global) and args[0].name in _REBUILD
        return _call(args[0], args[2]) if known else Opaque("a tensor's subclass")
    if function.module == "torch._utils" and function.name.startswith("_rebuild_"):
        return Foreign(_FOREIGN.get(function.name, "tensor of another kind"))
    return Opaque(str(function))


def _dict(args: tuple[Any, ...]) -> dict[str, Any]:
    """An `OrderedDict(pairs)` of Python 2, or an empty one; what has no text for its key is left out."""
    pairs = args[0] if args and isinstance(args[0], list) else []
    held = (p for p in pairs if isinstance(p, list | tuple) and len(p) == 2)
    return {key: value for key, value in held if isinstance(key, str)}


def _rebuild(name: str, args: tuple[Any, ...]) -> View | Foreign | Opaque:
    if name.startswith("_rebuild_parameter"):
        return args[0] if args and isinstance(args[0], View | Foreign) else Opaque("torch.nn.Parameter")
    storage, offset, shape, strides = args[:4] if len(args) >= 4 else (None, None, None, None)
    if not isinstance(storage, Storage):
        return Opaque("a tensor without a storage")
    if not (_sizes(shape) and _sizes(strides) and _sizes((offset,)) and len(shape) == len(strides)):
        raise BadPickle(f"a tensor of storage {shown(storage.key)} has a malformed shape")
    dtype, after = None, 6
    if name == "_rebuild_tensor_v3":
        dtype, after = args[6].name if len(args) > 6 and isinstance(args[6], Global) else "?", 7
    if any(args[after : after + 1]):
        return Foreign("negated or conjugated view")
    return View(storage, offset, tuple(shape), tuple(strides), dtype)


def _sizes(value: Any) -> bool:
    return (
        isinstance(value, (tuple, list))
        and len(value) <= MAX_RANK
        and all(type(n) is int and 0 <= n < 1 << 63 for n in value)
    )


_Action = Callable[[_Machine], Any]


def _constant(value: Any) -> _Action:
    return lambda m: m.push(value)


_OPCODES: Final[dict[int, _Action]] = {
    code[0]: action
    for code, action in (
        (pickle.PROTO, lambda m: m.take(1)),
        (pickle.FRAME, lambda m: m.take(8)),
        (pickle.MARK, _Machine.mark),
        (pickle.POP, lambda m: m.pop()),
        (pickle.POP_MARK, lambda m: m.above_mark()),
        (pickle.NONE, _constant(None)),
        (pickle.NEWTRUE, _constant(True)),
        (pickle.NEWFALSE, _constant(False)),
        (pickle.BININT, lambda m: m.push(m.number("<i"))),
        (pickle.BININT1, lambda m: m.push(m.number("<B"))),
        (pickle.BININT2, lambda m: m.push(m.number("<H"))),
        (pickle.INT, _Machine.old_number),
        (pickle.LONG, _Machine.old_number),
        (pickle.LONG4, lambda m: m.push(int.from_bytes(m.take(m.number("<i")), "little", signed=True))),
        (pickle.LONG1, lambda m: m.push(int.from_bytes(m.take(m.number("<B")), "little", signed=True))),
        (pickle.BINFLOAT, lambda m: m.push(struct.unpack(">d", m.take(8))[0])),
        (pickle.BINUNICODE, lambda m: m.text("<I")),
        (pickle.SHORT_BINUNICODE, lambda m: m.text("<B")),
        (pickle.BINUNICODE8, lambda m: m.text("<Q")),
        (pickle.BINBYTES, lambda m: m.raw("<I")),
        (pickle.SHORT_BINBYTES, lambda m: m.raw("<B")),
        (pickle.BINBYTES8, lambda m: m.raw("<Q")),
        (pickle.BYTEARRAY8, lambda m: m.raw("<Q")),
        (pickle.BINSTRING, lambda m: m.old_text("<i")),
        (pickle.SHORT_BINSTRING, lambda m: m.old_text("<B")),
        (pickle.EMPTY_TUPLE, _constant(())),
        (pickle.EMPTY_LIST, lambda m: m.push([])),
        (pickle.EMPTY_DICT, lambda m: m.push({})),
        (pickle.EMPTY_SET, lambda m: m.push(Opaque("set"))),
        (pickle.ADDITEMS, lambda m: m.above_mark()),
        (pickle.FROZENSET, lambda m: (m.above_mark(), m.push(Opaque("frozenset")))),
        (pickle.TUPLE, lambda m: m.push(tuple(m.above_mark()))),
        (pickle.TUPLE1, lambda m: m.tuple_of(1)),
        (pickle.TUPLE2, lambda m: m.tuple_of(2)),
        (pickle.TUPLE3, lambda m: m.tuple_of(3)),
        (pickle.LIST, lambda m: m.push(m.above_mark())),
        (pickle.APPEND, lambda m: m.append([m.pop()])),
        (pickle.APPENDS, lambda m: m.append(m.above_mark())),
        (pickle.SETITEM, _Machine.set_item),
        (pickle.SETITEMS, lambda m: m.set_items(m.above_mark())),
        (pickle.BINPUT, lambda m: m.put(m.number("<B"))),
        (pickle.LONG_BINPUT, lambda m: m.put(m.number("<I"))),
        (pickle.MEMOIZE, lambda m: m.put(len(m.memo))),
        (pickle.BINGET, lambda m: m.get(m.number("<B"))),
        (pickle.LONG_BINGET, lambda m: m.get(m.number("<I"))),
        (pickle.GLOBAL, lambda m: m.push(Global(m.line(), m.line()))),
        (pickle.STACK_GLOBAL, _Machine.reference),
        (pickle.REDUCE, _Machine.reduce),
        (pickle.NEWOBJ, _Machine.new_object),
        (pickle.NEWOBJ_EX, lambda m: m.new_object(2)),
        (pickle.BUILD, lambda m: m.pop()),
        (pickle.BINPERSID, _Machine.persistent),
    )
}
