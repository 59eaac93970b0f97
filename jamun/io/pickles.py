"""What a pickle describes, as data: nothing that it names is imported, called or made.

A pickle is a program for a stack machine. Its data (numbers, texts, lists, mappings) come out as they are; a name, a
call and an object come out as a Global, a Made and its state, which a reader may look at.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# Longer ones are no description of a checkpoint's tensors.
LARGEST_PICKLE = 16 * 2**20
_LARGEST_INTEGER = 2**64


class PickleError(ValueError):
    """A pickle that is damaged, or that holds what no plain data needs."""


@dataclass(frozen=True)
class Global:
    """A name of a module, of which nothing is known but the name."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Made:
    """A call that was not made, and what the pickle does to its result.

    by: what would have been called.
    arguments: of the call.
    state: what the object would have been given as its state; None without.
    items: what would have been set by key.
    elements: what would have been appended.
    """

    by: Any
    arguments: Any
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)
    elements: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Persistent:
    """Something outside the pickle, by what identifies it there."""

    identity: Any


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": set,
}  # fmt: skip
_VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    """The stack, and what the operations do to it."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks under each mark
        self.memo: dict[int, Any] = {}
        self.plain: dict[str, Callable[[], object]] = {
            "MARK": self._mark, "POP": self._pop, "POP_MARK": self._pop_mark, "DUP": self._dup,
            "TUPLE": lambda: self.stack.append(tuple(self._pop_mark())),
            "LIST": lambda: self.stack.append(self._pop_mark()),
            "FROZENSET": lambda: self.stack.append(frozenset(map(_hashable, self._pop_mark()))),
            "DICT": lambda: self.stack.append(_pairs(self._pop_mark())),
            "APPEND": lambda: self._append([self.stack.pop()]), "APPENDS": lambda: self._append(self._pop_mark()),
            "ADDITEMS": self._add, "SETITEM": self._set_item, "SETITEMS": lambda: self._set(self._pop_mark()),
            "REDUCE": self._call, "NEWOBJ": self._call, "NEWOBJ_EX": self._call_by_keywords, "BUILD": self._build,
            "STACK_GLOBAL": self._global, "OBJ": self._object,
            "BINPERSID": lambda: self.stack.append(Persistent(self.stack.pop())),
        }  # fmt: skip

    def run(self, name: str, argument: Any) -> None:
        """One operation."""
        stack = self.stack
        if name in self.plain:
            self.plain[name]()
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name in _VALUES:
            if isinstance(argument, int) and abs(argument) >= _LARGEST_INTEGER:
                raise PickleError("an integer of more than 64 bits")
            stack.append(argument)
        elif name in _TUPLES:
            size = _TUPLES[name]
            if len(stack) < size:
                raise IndexError
            stack[-size:] = [tuple(stack[-size:])]
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif name == "GLOBAL":
            stack.append(Global(*argument.split(" ", 1)))
        elif name == "INST":
            stack.append(Made(Global(*argument.split(" ", 1)), tuple(self._pop_mark())))
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise PickleError(f"the operation {name}, which plain data has no use for")

    def _mark(self) -> None:
        self.below.append(self.stack[:])
        self.stack.clear()

    def _pop_mark(self) -> list[Any]:
        found = self.stack[:]
        self.stack[:] = self.below.pop()
        return found

    def _pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._pop_mark()

    def _dup(self) -> None:
        self.stack.append(self.stack[-1])

    def _append(self, values: list[Any]) -> None:
        target = self.stack[-1]
        target = target.elements if isinstance(target, Made) else target
        if not isinstance(target, list):
            raise PickleError("elements of what is no list")
        target.extend(values)

    def _add(self) -> None:
        values = self._pop_mark()
        if not isinstance(self.stack[-1], set):
            raise PickleError("members of what is no set")
        self.stack[-1].update(map(_hashable, values))

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def _set(self, values: list[Any]) -> None:
        target = self.stack[-1]
        target = target.items if isinstance(target, Made) else target
        if not isinstance(target, dict):
            raise PickleError("items of what is no mapping")
        target.update(_pairs(values))

    def _call(self) -> None:
        arguments, by = self.stack.pop(), self.stack.pop()
        self.stack.append(Made(by, arguments))

    def _call_by_keywords(self) -> None:
        keywords, arguments, by = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.stack.append(Made(by, (arguments, keywords)))

    def _object(self) -> None:
        by, *arguments = self._pop_mark()
        self.stack.append(Made(by, tuple(arguments)))

    def _build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], Made):
            raise PickleError("a state of what is no object")
        self.stack[-1].state = state

    def _global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise PickleError("a name that is no text")
        self.stack.append(Global(module, name))


def _hashable(value: Any) -> Any:
    """`value`, which may be a key. Raises PickleError for others: hashing shared tuples in tuples takes for ever."""
    if not isinstance(value, (str, bytes, int, float, Global)) and value is not None:
        raise PickleError("a key that is neither text nor number")
    return value


def _pairs(values: list[Any]) -> dict[Any, Any]:
    if len(values) % 2:
        raise PickleError("a key without a value")
    return {_hashable(key): value for key, value in zip(values[::2], values[1::2], strict=True)}


def read_pickle(data: bytes) -> Any:
    """What the pickle describes, of which nothing is run: plain data, with Global, Made and Persistent for the rest.

    One object may stand in several places, also in itself. Raises PickleError for a pickle that is damaged, or that is
    larger than LARGEST_PICKLE bytes or of other operations than plain data needs.
    """
    if len(data) > LARGEST_PICKLE:
        raise PickleError(f"a pickle of {len(data) >> 20} MB, where a checkpoint's takes less than one")
    machine = _Machine()
    try:
        for operation, argument, _ in pickletools.genops(data):
            machine.run(operation.name, argument)
        (result,) = machine.stack
    except PickleError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, UnicodeError, MemoryError, OverflowError) as error:
        reason = " ".join(str(error).split())[:80]
        raise PickleError(f"a damaged pickle{f' ({reason})' if reason else ''}") from None
    return result
