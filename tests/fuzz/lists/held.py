"""Puts one program on trial: what is accepted is held to the unchecked interpreter and to ONNX Runtime, what is refused is run unchecked."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from spec_lang.compiler import Compilation, compile_sources
from spec_lang.diagnostics import Source
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.ir.from_ast import Options
from spec_lang.loading import from_program
from spec_lang.syntax import ast
from spec_lang.syntax.from_text import parse_expr
from tests.fuzz.held import Broken, _copy, _flat, _make_layers, agrees_in_onnx
from tests.fuzz.lists.programs import Program
from tests.mutation.interpreter import (
    HOLE,
    ConditionFails,
    Evaluator,
    Instance,
    Items,
    LazyLayer,
    Refused,
    Spec,
    TooBig,
    bind,
)
from tests.mutation.samples import Sizes, inputs

torch.set_num_threads(1)

ENOUGH = {"N": (2, 3), "L": (67, 80), "H": (67, 72), "W": (65, 70)}
FEW = {"N": (2,), "L": (1, 4, 6), "H": (1, 5, 6), "W": (2, 4, 7)}

ACCEPTED, WRONG, RIGHT, LOST, CRASH = (
    "accepted", "accepted and wrong", "refused, and does not run", "refused, but runs", "specc fails",
)  # fmt: skip


@dataclass
class Outcome:
    """What became of a program.

    Attributes:
        what: One of the five above.
        why: What went wrong, or the first error where it was refused.
        sort: What went wrong in few words, to count by.
        narrow: Values that run and that the generated class refuses.
        defaults: How the program depends on its defaults, if it does.
    """

    what: str
    why: str = ""
    sort: str = ""
    narrow: str = ""
    defaults: str = ""


class Drawn(Sizes):
    """Sizes of a method's dims, by their names."""

    def __init__(self, rng: Random, sizes: dict[str, tuple[int, ...]]) -> None:
        super().__init__(rng)
        self.sizes = sizes

    def of(self, name: str) -> int:
        return self.chosen.setdefault(name, self.rng.choice(self.sizes.get(name, (2, 3))))


def trial(program: Program, onnx: bool = True, defaults: bool = True) -> Outcome:
    """What becomes of a program."""
    try:
        result = _compiled(program.text)
    except Exception as error:  # a compiler has no reason to raise anything
        return Outcome(CRASH, _last(error), f"check: {type(error).__name__}")
    if result.errors:
        return _refused(program, result)
    try:
        return _accepted(program, result, onnx, defaults)
    except _Wrong as wrong:
        return Outcome(WRONG, str(wrong), wrong.sort)


def _compiled(text: str, options: Options | None = None) -> Compilation:
    return compile_sources({"net": Source("net.nnspec", text)}, options=options)


class _Wrong(Exception):
    def __init__(self, sort: str, text: str) -> None:
        super().__init__(text)
        self.sort = sort


# --- what is refused ---


def _refused(program: Program, result: Compilation) -> Outcome:
    """Whether a refusal was needed: what runs as declared for its defaults and all other values was refused without need."""
    first = result.errors[0]
    why = f"{first.code} {first.message}"
    if not result.modules:
        return Outcome(RIGHT, why, first.code)
    if first.code.startswith(("E01", "E02", "E0501", "E0603", "E07")) and first.code not in (
        "E0714",
        "E0209",
    ):
        return Outcome(RIGHT, why, f"{first.code}, a rule of the language")
    runs = 0
    for number, row in enumerate(program.rows):
        if any(text == "[]" for text in row.values()):
            continue
        oracle = _Oracle(result, row)
        try:
            if not oracle.allowed:
                continue
            for seed in range(2):
                oracle.run(oracle.inputs(Random(seed), ENOUGH))
            if _idle(oracle.instance):
                return Outcome(RIGHT, f"{why}\na layer never runs, so nothing says its sizes", first.code)
            runs += 1
        except ConditionFails:
            if number == 0:
                return Outcome(RIGHT, why, first.code)
        except Exception as error:  # whatever it is, the refusal was right
            if number and isinstance(error, IndexError) and "list index" in str(error):
                continue  # a length is a bound, which may be owed
            return Outcome(RIGHT, f"{why}\n{_row(row)}: {type(error).__name__}: {error}", first.code)
    return Outcome(LOST if runs else RIGHT, why, first.code)


# --- what is accepted ---


def _accepted(program: Program, result: Compilation, onnx: bool, defaults: bool) -> Outcome:
    try:
        module = from_program(result.checked(), "listed")
    except Exception as error:
        raise _Wrong(f"emission: {type(error).__name__}", _last(error)) from error
    narrow = ""
    ran = 0
    for number, row in enumerate(program.rows):
        oracle = _Oracle(result, row)
        if not oracle.allowed:
            continue
        where = _row(row)
        made = _made(module, row, where)
        refused = isinstance(made, str)
        if refused and number == 0:
            raise _Wrong("refuses its own defaults", f"{where}: {made}")
        for seed, sizes in enumerate((ENOUGH, ENOUGH, FEW)):
            torch.manual_seed(seed)
            try:
                given = oracle.inputs(Random(seed), sizes)
            except IndexError:  # no tensor is of the declared type, as of `float[N, widths[0]]` for no widths
                continue
            if refused:
                if not narrow and "[]" not in row.values() and oracle.runs(given):
                    narrow = f"{where}: {made}"
                break
            answer = _answer(made, given, where)
            if isinstance(answer, str):
                if sizes is ENOUGH and not narrow and oracle.runs(given):
                    narrow = f"{where}, forward: {answer}"
                continue
            ran += 1
            _agree(made, oracle, given, answer, where)
        if onnx and not refused and number in (0, 1 + len(program.text) % 3):
            _onnx(program, result, row, where)
    leak = _defaults(program, result) if defaults else ""
    return Outcome(ACCEPTED, narrow=narrow, defaults=leak)


def _row(row: dict[str, str]) -> str:
    return f"Net({', '.join(f'{k}={v}' for k, v in row.items())})"


def _made(module: ModuleType, row: dict[str, str], where: str) -> nn.Module | str:
    """The generated module, or what its own checks refuse."""
    scope = {"Identity": nn.Identity, "ReLU": nn.ReLU, **vars(module)}
    given = {k: eval(v, scope) for k, v in row.items()}
    try:
        made: nn.Module = module.Net(**given)
    except Exception as error:  # whatever PyTorch raises is what the checker should have seen
        if _own(error, module):
            return str(error)
        raise _Wrong(
            f"__init__: {type(error).__name__}", f"{where}: {type(error).__name__}: {error}"
        ) from error
    return made.eval()


def _own(error: Exception, module: ModuleType) -> bool:
    """Whether generated code raised it as one of its checks."""
    frames = traceback.extract_tb(error.__traceback__)
    return (
        isinstance(error, ValueError)
        and (frames[-1].line or "").lstrip().startswith("raise ")
        and "torch/" not in frames[-1].filename
    )


def _answer(made: Any, given: dict[str, Any], where: str) -> list[Tensor] | str:
    """The results, or what the module's own checks refuse."""
    try:
        with torch.no_grad():
            found = made(**given)
    except Exception as error:  # whatever PyTorch raises is what the checker should have seen
        frames = traceback.extract_tb(error.__traceback__)
        if isinstance(error, ValueError) and "torch/" not in frames[-1].filename:
            return str(error)
        raise _Wrong(
            f"forward: {type(error).__name__}", f"{where}{_shapes(given)}: {type(error).__name__}: {error}"
        ) from error
    return _flat(found)


def _shapes(given: dict[str, Any]) -> str:
    return str({k: [list(t.shape) for t in _flat(v)] for k, v in given.items()})


def _agree(made: Any, oracle: _Oracle, given: dict[str, Any], answer: list[Tensor], where: str) -> None:
    """Keys, and results in both modes, are the interpreter's."""
    where = f"{where}{_shapes(given)}"
    instance = oracle.instance
    try:
        with torch.no_grad():
            _make_layers(made, instance, "forward", given)
            keys = list(_keys(instance, ""))
            if keys != list(made.state_dict()):
                raise _Wrong("keys", f"{where}: the keys are {list(made.state_dict())}, not {keys}")
            _copy(made, instance)
            found = _flat(instance.run("forward", (), given))
    except _Wrong:
        raise
    except TooBig:
        return
    except ConditionFails as error:
        raise _Wrong("a require is not checked", f"{where}: {error}") from error
    except Exception as error:
        sort = "not as declared" if isinstance(error, Refused) else f"the interpreter: {type(error).__name__}"
        raise _Wrong(sort, f"{where}: {type(error).__name__}: {error}") from error
    _equal(answer, found, "", where)
    made.train()
    _train(instance, True)
    try:
        with torch.no_grad():
            torch.manual_seed(1)
            answer = _flat(made(**given))
            torch.manual_seed(1)
            found = _flat(instance.run("forward", (), given))
    except ValueError as error:
        if "more than 1" not in str(error):
            raise _Wrong("training: ValueError", f"{where}: {error}") from error
    except Exception as error:
        raise _Wrong(
            f"training: {type(error).__name__}", f"{where}: {type(error).__name__}: {error}"
        ) from error
    else:
        _equal(answer, found, " in training", where)
    finally:
        made.eval()
        _train(instance, False)


def _equal(answer: list[Tensor], found: list[Tensor], mode: str, where: str) -> None:
    if [a.shape for a in answer] != [b.shape for b in found]:
        shapes = [list(a.shape) for a in answer], [list(b.shape) for b in found]
        raise _Wrong("another shape", f"{where}: gives {shapes[0]}{mode}, the interpreter {shapes[1]}")
    for a, b in zip(answer, found, strict=True):
        if not torch.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True):
            raise _Wrong(
                "other numbers", f"{where}: differs from the interpreter{mode} by {(a - b).abs().max()}"
            )


def _keys(part: Any, prefix: str) -> Iterator[str]:
    """The names of the state_dict; a layer that has not run is made, if nothing has to be known for it."""
    if isinstance(part, LazyLayer):
        if part.module is None:  # the names do not depend on what `_` is
            sizes = [8 if a is HOLE else a for a in part.args]
            part = LazyLayer(part.name, tuple(sizes), part.kwargs)
        yield from (f"{prefix}{name}" for name in part.built().state_dict())
    elif isinstance(part, Instance):
        if part.layers is None:
            part.ready({})
        for name, layer in (part.layers or {}).items():
            yield from _keys(layer, f"{prefix}{name}.")
    elif isinstance(part, Items):
        for key, layer in part.items:
            yield from _keys(layer, f"{prefix}{key}.")
    elif isinstance(part, Tensor):
        yield prefix[:-1]


def _idle(part: Any) -> bool:
    """Whether a layer has not run whose sizes only a run would say."""
    if isinstance(part, LazyLayer):
        return part.module is None and any(a is HOLE for a in (*part.args, *part.kwargs.values()))
    if isinstance(part, Instance):
        return part.layers is None or any(map(_idle, part.layers.values()))
    return isinstance(part, Items) and any(map(_idle, part))


def _train(part: Any, mode: bool) -> None:
    if isinstance(part, LazyLayer):
        if part.module is not None:
            part.module.train(mode)
    elif isinstance(part, Instance):
        for layer in (part.layers or {}).values():
            _train(layer, mode)
    elif isinstance(part, Items):
        for layer in part:
            _train(layer, mode)


def _onnx(program: Program, result: Compilation, row: dict[str, str], where: str) -> None:
    """The graph for these values is valid and gives what the module gives."""
    try:
        values = {k: eval(v) for k, v in row.items()}
        checked = result.checked()
    except NameError:  # records are values of the spec's own: they are set as the command line sets them
        again = _compiled(program.text, _overrides(row))
        if again.errors:
            return
        values, checked = {}, again.checked()
    try:
        agrees_in_onnx(checked, "Net", values)
    except Broken as error:
        if "was not run" in str(error):
            return
        raise _Wrong("ONNX: other numbers", f"{where}: {error}") from error
    except EvaluationError as error:
        raise _Wrong(f"ONNX: {error.code}", f"{where}: {error.code} {error}") from error
    except Exception as error:
        raise _Wrong(f"ONNX: {type(error).__name__}", f"{where}: {_last(error)}") from error


def _overrides(row: dict[str, str]) -> Options:
    found = {}
    for name, text in row.items():
        found[name], _ = parse_expr(text)
        assert found[name] is not None
    return Options(overrides=found)  # type: ignore[arg-type]


def _defaults(program: Program, result: Compilation) -> str:
    """How the class that is written for the model depends on its defaults, which it should not."""
    wanted = _without_defaults(result)
    for row in program.rows[1:3]:
        try:
            again = _compiled(program.text, _overrides(row))
        except Exception as error:
            return f"{_row(row)} as defaults: {_last(error)}"
        if again.errors:
            first = again.errors[0]
            if not first.code.startswith(("E06", "E0302", "E0303")):
                return f"{_row(row)} as defaults: {first.code} {first.message}"
        elif _without_defaults(again) != wanted:
            return f"{_row(row)} as defaults: another class"
    return ""


def _without_defaults(result: Compilation) -> str:
    """The generated source but for the model's signature."""
    [source] = result.torch_sources().values()
    before, _, model = source.partition("class Net(")
    _, _, after = model.partition("super().__init__()")
    return before + after


# --- the interpreter ---


class _Oracle:
    """The unchecked interpreter of a program, at some values."""

    def __init__(self, result: Compilation, row: dict[str, str]) -> None:
        tree = result.modules[0].tree
        self.spec = Spec(tree)
        [self.model] = [d for d in tree.definitions if isinstance(d, ast.Block) and d.name.id == "Net"]
        [self.method] = [p for p in self.model.parts if isinstance(p, ast.Method)]
        self.allowed = True
        try:
            given = {}
            for name, text in row.items():
                node, _ = parse_expr(text)
                assert node is not None
                given[name] = Evaluator(self.spec, {}).value(node)
            self.known = bind(self.spec, self.model.hypers or (), (), given)
        except Refused:
            self.allowed = False
            return
        self.given = given
        self.fresh()

    def fresh(self) -> None:
        self.instance = self.spec.model("Net", dict(self.given))

    def inputs(self, rng: Random, sizes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
        """Inputs of the declared types."""
        scope = dict(self.known)
        evaluator = Evaluator(self.spec, scope)
        for part in self.model.parts:
            if isinstance(part, ast.Let):
                scope[part.name.id] = evaluator.value(part.value)
        return inputs(self.spec, self.method, scope, Drawn(rng, sizes), absent=False)

    def run(self, given: dict[str, Any]) -> None:
        """Run it, with layers made anew.

        Raises:
            Exception: it does not run, or not as declared.
        """
        self.fresh()
        with torch.no_grad():
            self.instance.run("forward", (), given)

    def runs(self, given: dict[str, Any]) -> bool:
        try:
            self.run(given)
        except Exception:
            return False
        return True


def _last(error: Exception) -> str:
    """An error with the place in the compiler that raised it."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "spec_lang" in f.filename]
    place = f" ({frames[-1].filename.rpartition('spec_lang/')[2]}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {str(error)[:300]}{place}"
