"""Operators on numbers, conditions and tensors."""

from __future__ import annotations

from spec_lang.diagnostics.fix import instead
from spec_lang.ir import operators
from spec_lang.ir.from_ast.expressions.conversions import cased, computed, condition, number_of, operate
from spec_lang.ir.from_ast.expressions.defined import divided
from spec_lang.ir.from_ast.expressions.folding import contained, items_of
from spec_lang.ir.from_ast.expressions.items import known_list
from spec_lang.ir.from_ast.expressions.lists import joined
from spec_lang.ir.from_ast.expressions.op_calls import call_op
from spec_lang.ir.from_ast.names.unreached import unreached
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.kinds import is_module, is_tensor
from spec_lang.ir.from_ast.values.value import POISON, Case, Mapped, Maybe, Parts, SymList, Value
from spec_lang.shapes import Cond
from spec_lang.syntax import ast


def unary(c: Check, at: Place, node: ast.Unary) -> Value:
    a = number_of(c, at, c.ev(at, node.operand), node.operand)
    if a is POISON:
        return POISON
    if node.op == "not":
        cond = condition(c, at, a, node.operand)
        return POISON if cond is POISON else computed(c, at, lambda: host.negation(cond), node)
    if is_tensor(a):
        return (
            a
            if node.op == "+"
            else call_op(c, at, operators.UNARY[node.op], [a], {}, node, label=f"`{node.op}`")
        )
    if isinstance(a, Case):
        return cased(c, at, a, lambda _, x: host.unary(node.op, x), node)
    return computed(c, at, lambda: host.unary(node.op, a), node)


def binary(c: Check, at: Place, node: ast.Binary) -> Value:
    if node.op in ("and", "or"):
        return _logic(c, at, node)
    a, b = c.ev(at, node.left), c.ev(at, node.right)
    if a is POISON or b is POISON:
        return POISON
    if node.op == "+" and isinstance(a, list | Mapped | Parts) and isinstance(b, list | Mapped | Parts):
        return joined(c, at, a, b)
    if is_module(b) or is_module(a) or (isinstance(a, list) and any(map(is_module, a))):
        return _with_layer(c, node, right=is_module(b))
    if is_tensor(a) or is_tensor(b):
        function = operators.BINARY[node.op]
        names = c.program.functions[function].arguments
        sides = dict(zip(names, (node.left, node.right), strict=False))
        return call_op(c, at, function, [a, b], {}, node, sides, f"`{node.op}`")

    def of(there: Place, x: Value, y: Value) -> Value:
        return host.binary(node.op, x, y, there.decide) if divided(c, there, node.op, x, y, node) else POISON

    return operate(c, at, of, a, b, node)


def _with_layer(c: Check, node: ast.Binary, *, right: bool) -> Value:
    """Report an operator on a layer itself."""
    sides = c.source.at(node.left.span), c.source.at(node.right.span)
    help: str = f"run it first: `{sides[right]}(...)` is what it gives"
    if node.op == "*":
        item = sides[0][1:-1] if isinstance(node.left, ast.List) and len(node.left.items) == 1 else sides[0]
        help = f"so many layers of a kind are `[{item} for i in range({sides[1]})]`"
    elif node.op == "|" and right:
        help = instead(f"{sides[0]} -> {sides[1]}")
    return c.error("E0402", f"`{node.op}` does not go with a layer", node, help=help)


def _logic(c: Check, at: Place, node: ast.Binary) -> Value:
    a = condition(c, at, c.ev(at, node.left), node.left)
    if a is POISON:
        c.ev(at, node.right)
        return POISON
    assert isinstance(a, bool | Cond)
    if isinstance(a, bool):
        if a is (node.op == "or"):
            unreached(c, at, (node.right,), lambda p: c.ev(p, node.right))
            return a
        return condition(c, at, c.ev(at, node.right), node.right)
    under = at.branch(a if node.op == "and" else ~a)
    b = condition(c, under, c.ev(under, node.right), node.right)
    if b is POISON:
        return POISON
    assert isinstance(b, bool | Cond)
    return host.conjunction(a, b) if node.op == "and" else host.disjunction(a, b)


def compare(c: Check, at: Place, node: ast.Compare) -> Value:
    left, first, result = c.ev(at, node.first), node.first, None
    for op, right_node in node.rest:
        right = c.ev(at, right_node)
        one = _compared(c, at, op, left, right, node, first)
        if one is POISON:
            return POISON
        if result is None:
            result = one
        elif is_tensor(result) or is_tensor(one):
            return c.error("E0402", "comparisons of tensors do not chain; join them with `&`", node)
        else:
            assert isinstance(result, bool | Cond)
            assert isinstance(one, bool | Cond)
            result = host.conjunction(result, one)
        left, first = right, right_node
    return result


def _compared(c: Check, at: Place, op: str, a: Value, b: Value, node: ast.Expr, first: ast.Expr) -> Value:
    if a is POISON or b is POISON:
        return POISON
    if op in ("is", "is not") or ((a is None or b is None) and op in ("==", "!=")):
        positive = op in ("is", "==")
        absent = _absent(a if b is None else b) if a is None or b is None else None
        if absent is None:
            return c.error("E0402", "`is` compares with `none` only; `==` compares values", node)
        _never_none(c, at, a if b is None else b, first)
        return absent if positive else host.negation(absent)
    if is_tensor(a) or is_tensor(b):
        if op in ("in", "not in"):
            return c.error("E0402", "`in` is for lists of hyperparameters, not for tensors", node)
        return call_op(c, at, operators.COMPARISONS[op], [a, b], {}, node, label=f"`{op}`")
    if op in ("in", "not in") and isinstance(b, SymList | Mapped):
        items = items_of(c, at, b)
        found = None if items is not None else contained(c, at, number_of(c, at, a, node), b)
        if found is not None:
            return at.resolve(found if op == "in" else host.negation(found))
        b = known_list(c, b, node) if items is None else items
        if b is None:
            return POISON
    result = operate(c, at, lambda _, x, y: host.compare(op, x, y), a, b, node)
    return at.resolve(result)


def _never_none(c: Check, at: Place, value: Value, node: ast.Expr) -> None:
    """An input that every call has is compared with none."""
    if isinstance(node, ast.Name) and value is not None and at.frame.required.get(node.id) is value:
        c.error(
            "E0406",
            f"`{node.id}` is never none: every call has it",
            node,
            help="leave the comparison out, or make the input optional: `?` behind its type, and `= none`",
        )


def _absent(value: Value) -> Cond | bool:
    """When a value is none."""
    if value is None:
        return True
    if isinstance(value, Maybe):
        return value.absent
    if isinstance(value, Case):
        yes, no = _absent(value.yes), _absent(value.no)
        return host.disjunction(host.conjunction(value.cond, yes), host.conjunction(~value.cond, no))
    return False
