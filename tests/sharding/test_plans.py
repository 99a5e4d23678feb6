"""What is derived of every model, as golden texts; the notation of placement rules; meshes that do not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spec_lang.cli import cli
from spec_lang.ir import model
from spec_lang.ops import signature
from spec_lang.ops.base import FUNCTIONS, LAYERS, Cx, Layer, Op, OpError
from spec_lang.shapes import DType, Facts, TensorType, symbol
from spec_lang.sharding.cuts import Cuts, cuts_of, derived
from spec_lang.sharding.derive import Derivation
from spec_lang.sharding.factors import flat
from spec_lang.sharding.notation import read
from spec_lang.sharding.stream import Stream, stream_of
from spec_lang.targets.parallel import parallel
from spec_lang.targets.torch import emit
from tests.check.checking import checked as accepted
from tests.onnx.exporting import model_file

ROOT = Path(__file__).parents[2]
PLANS = Path(__file__).with_name("plans")
FILES = sorted(p.stem for p in (ROOT / "models").glob("*.nnspec"))


def text(cuts: Cuts) -> str:
    lines = [cuts.model]
    if cuts.refused is not None:
        lines.append(f"  nothing: {cuts.refused.what}")
    for cut in cuts.cuts:
        lines.append(f"  {cut.name}{' (gathered)' * cut.gathered}")
        for u in cut.uses:
            lines.append(f"    {'.'.join(u.parameter.key)}[{u.axis}] {u.role}{' regrouped' * u.inner}")
    lines += [f"  whole {k.name}: {', '.join(r.what for r in k.reasons)}" for k in cuts.kept]
    lines += [f"  samples: {r.what}" for r in cuts.batch]
    return "\n".join(lines)


@pytest.mark.parametrize("name", FILES)
def test_plans(name: str, golden: Callable[[Path, str], None]) -> None:
    program = model_file(name)
    entries = [d for d in program.definitions if isinstance(d, model.Block) and d.entry]
    found = "\n".join(text(cuts_of(program, e)) for e in entries) + "\n"
    golden(PLANS / f"{name}.txt", found)


def test_rules_are_read() -> None:
    """Every rule of the library is one of the notation, and names only what the op has."""
    rules = 0
    for op in (*LAYERS.values(), *FUNCTIONS.values()):
        if op.placement:
            rule = read(op.placement)
            rules += 1
            named = {n for o in rule.operands for n in o.axes} | set(op.arguments)
            assert {*rule.sums, *rule.rows, *rule.whole, *rule.first, *rule.one} <= named, op.name
    assert rules > 250


@pytest.mark.parametrize("rule", ["", "some", "[i] [j]", "each; alone i", "[i] -> [i] [j]", "each; whole"])
def test_what_is_no_rule(rule: str) -> None:
    with pytest.raises(ValueError, match=r"placement rule|nothing of an axis"):
        read(rule)


def names(source: str) -> dict[str, list[str]]:
    program = accepted(source)
    entry = next(d for d in program.definitions if isinstance(d, model.Block) and d.entry)
    return {c.name: sorted(".".join(u.parameter.key) for u in c.uses) for c in cuts_of(program, entry).cuts}


HEAD = (
    "model M(a: int = 4, b: int = 8):\n    layers:\n        up = Linear(_, b)\n        down = Linear(b, a)\n"
)
BODY = "    forward(x: float[N, T, a]) -> float[N, T, a]:\n"


def test_between_two_linear_maps() -> None:
    assert names(HEAD + BODY + "        return x -> up -> relu -> down\n") == {
        "b": ["M.down.weight", "M.up.bias", "M.up.weight"]
    }


@pytest.mark.parametrize(
    "between",
    [
        "softmax(dim=-1)",
        "softmax(2)",
        "flip((2,))",
        "cumsum(-1)",
        "layer_norm([b])",
        "sort(dim=-1)",
    ],
)
def test_what_needs_an_axis_whole(between: str) -> None:
    result = "[0]" if between.startswith("sort") else ""
    body = f"        y = (x -> up -> {between}){result}\n        return y -> down\n"
    assert "b" not in names(HEAD + BODY + body)


@pytest.mark.parametrize(
    "line",
    [
        "y = y * (1 / b)",
        "y = y + zeros(b)",
        "y = y - mean(y, dim=-1, keepdim=true)",
        "y = cat([y[:, :, 1:], y[:, :, :1]], dim=2)",
        "y = y @ ones(b, b)",
        "y = layer_norm(y, [T, b])",
    ],
)
def test_what_computes_with_a_size(line: str) -> None:
    """A device knows the size of its part alone."""
    body = f"        y = x -> up\n        {line}\n        return y -> down\n"
    assert "b" not in names(HEAD + BODY + body)


def test_an_own_parameter_refuses() -> None:
    own = HEAD + "        param scale: float[b] = ones()\n"
    program = accepted(own + BODY + "        return down(up(x) * scale)\n")
    (entry,) = program.definitions
    assert isinstance(entry, model.Block)
    refused = cuts_of(program, entry).refused
    assert refused is not None
    assert refused.what == "M.scale, a parameter of the block's own"


def test_files_are_clean(tmp_path: Path) -> None:
    for name in FILES:
        program = model_file(name)
        modules = emit(program)
        for path, source in (modules | parallel(program, modules)).items():
            (tmp_path / path).write_text(source)
    files = sorted(p.name for p in tmp_path.glob("*_parallel.py"))
    assert len(files) == len(FILES)
    for command in (
        ["check", "--isolated", "--line-length", "88", "--select", "E,F,W,I,UP,B,C4,SIM,RUF"],
        ["format", "--isolated", "--check"],
    ):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", *files]
        done = subprocess.run(ruff, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_files_are_typed(tmp_path: Path) -> None:
    for name in ("gpt2", "llama", "tiny_model", "resnet"):
        program = model_file(name)
        modules = emit(program)
        for path, source in (modules | parallel(program, modules)).items():
            (tmp_path / path).write_text(source)
    files = sorted(p.name for p in tmp_path.glob("*_parallel.py"))
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), *files]
    done = subprocess.run(
        [*command, "--follow-imports", "silent"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout


def specc(*args: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, [*args])
    return done.exit_code, done.output


GPT2 = str(ROOT / "models" / "gpt2.nnspec")


def test_a_mesh_that_does_not_divide() -> None:
    status, output = specc("plan", GPT2, "--mesh", "tp=8")
    assert status == 1
    assert "heads = 12 does not divide by tp = 8: tp may be 1, 2, 3, 4, 6" in output


@pytest.mark.parametrize("mesh", ["pp=2", "tp", "tp=0", "dp=2,dp=3", "tp=x"])
def test_what_is_no_mesh(mesh: str) -> None:
    status, output = specc("plan", GPT2, "--mesh", mesh)
    assert status == 2, output


def test_what_a_device_holds() -> None:
    status, output = specc("plan", GPT2, "--mesh", "dp=2,tp=2", "--format", "json")
    assert status == 0
    plan = json.loads(output)
    assert plan["parameters"] == 124_439_808
    local = {t["name"]: t["local"] for t in plan["tensors"]}
    assert local["wte.weight"] == [25_129, 768]  # whole over tp, which does not divide 50,257
    assert local["h.0.attn.c_attn.weight"] == [576, 768]
    assert local["h.0.attn.c_proj.weight"] == [384, 384]
    assert plan["bytes"]["parameters"] == 4 * sum(
        a * b for a, b in (t if len(t) == 2 else (t[0], 1) for t in local.values())
    )


@pytest.mark.parametrize("op", [*LAYERS.values(), *FUNCTIONS.values()], ids=lambda op: op.name)
def test_what_is_said_of_each_element_keeps_every_axis(op: type[Op]) -> None:
    """A function of each element gives what has the shape of its only tensor."""
    if not op.placement or read(op.placement).kind != "each":
        return
    x = TensorType(DType.F32, tuple(symbol(n) for n in "nchw"))
    try:
        if issubclass(op, Layer):
            found = signature.bind(op, (), {}).infer(Cx(Facts(), op.name), x)
        else:
            bound: Any = signature.bind(op, (), {"input": x})
            found = bound.infer(Cx(Facts(), op.name))
    except OpError:
        return  # it takes more than one tensor, or another rank
    assert found.shape == x.shape


MASKED = """\
model M(heads: int = 4, d: int = 8, width: int = 16):
    layers:
        q   = Linear(_, heads * d)
        out = Linear(_, width)

    forward(x: float[N, T, width], mask: float[heads, T, T]) -> float[N, T, width]:
        y = x -> q -> rearrange("n t (h d) -> n h t d", d=d)
        y = scaled_dot_product_attention(y, y, y, mask)
        return y -> rearrange("n h t d -> n t (h d)") -> out
"""


def test_a_mask_of_heads_is_cut_with_them_or_not_at_all() -> None:
    assert "heads" not in names(MASKED)
    program = accepted(MASKED)
    (entry,) = program.definitions
    assert isinstance(entry, model.Block)
    derivation = Derivation(program)
    mask = derivation.method(entry, "forward").inputs["mask"]
    rows = derivation.parameters["M", "q.weight"].axes[0]
    assert flat(mask.axes[0])[0] is flat(rows)[0]
    found = names(MASKED.replace("mask: float[heads, T, T]", "mask: float[T, T]"))
    assert found["heads"] == ["M.out.weight", "M.q.bias", "M.q.weight"]


def test_halves_of_a_gate_are_not_cut() -> None:
    body = "        y = x -> up -> glu(dim=-1)\n        return y -> down\n"
    spec = HEAD.replace("Linear(_, b)", "Linear(_, 2 * b)").replace("Linear(b, a)", "Linear(_, a)")
    assert names(spec + BODY + body).keys() <= {"a"}


def test_what_is_learned_and_whole_meets_no_parts() -> None:
    """Its gradient would be that of one device's part."""
    gated = HEAD + "        gate = Linear(_, 1)\n" + BODY
    assert "b" not in names(gated + "        return down(up(x) * sigmoid(gate(x)))\n")
    apart = gated.replace("Linear(_, 1)", "Linear(_, b)")
    assert "b" in names(apart + "        return down(up(x) * sigmoid(gate(x)))\n")
    given = HEAD + BODY.replace("x: float[N, T, a]", "x: float[N, T, a], w: float[N, T, 1]")
    assert "b" in names(given + "        return down(up(x) * w)\n")
    through = """\
block Weighed(b: int):
    layers:
        up   = Linear(_, b)
        down = Linear(_, D)

    forward(x: float[N, T, D], w: float[N, T, 1]) -> float[N, T, D]:
        return down(up(x) * w)

model M(a: int = 4, b: int = 8):
    layers:
        gate = Linear(_, 1)
        body = Weighed(b)

    forward(x: float[N, T, a], w: float[N, T, 1]) -> float[N, T, a]:
        return body(x, W)
"""
    assert "b" in names(through.replace("W)", "w)").replace("        gate = Linear(_, 1)\n", ""))
    assert "b" not in names(through.replace("W)", "gate(x) * w)"))


def test_a_whole_layer_of_parts_adds_its_gradients_up() -> None:
    spec = MASKED.replace("mask: float[heads, T, T]", "mask: float[T, T]")
    spec = spec.replace("        out = ", "        norm = RMSNorm(d)\n        out = ")
    spec = spec.replace("        y = scaled", "        y = norm(y)\n        y = scaled")
    program = accepted(spec)
    (entry,) = program.definitions
    assert isinstance(entry, model.Block)
    cuts = cuts_of(program, entry)
    assert [c.name for c in cuts.cuts] == ["heads"]
    assert cuts.along == {("M", "norm"): 1}


def stream(source: str) -> Stream | None:
    program = accepted(source)
    entry = next(d for d in program.definitions if isinstance(d, model.Block) and d.entry)
    return stream_of(*_turned(derived(program, entry), entry))


def _turned(found: tuple[Derivation, Cuts], entry: model.Block) -> tuple[Derivation, model.Block, Cuts]:
    return found[0], entry, found[1]


def test_steps_are_shared_out_between_layers() -> None:
    """As torchtitan does by hand: norms have parts, a block gathers once, what rows give is shared out."""
    program = model_file("llama")
    entry = next(d for d in program.definitions if isinstance(d, model.Block) and d.entry)
    found = stream_of(*_turned(derived(program, entry), entry))
    assert found is not None
    assert (found.dim, found.name, found.axis) == ("T", "tokens", 1)
    norms = {("DecoderLayer", n) for n in ("input_layernorm", "post_attention_layernorm")} | {
        ("Llama", "norm")
    }
    rows = {("Llama", "embed_tokens"), ("Attention", "o_proj"), ("MLP", "down_proj")}
    assert set(found.inputs) == norms | {("Llama", "lm_head")}
    assert set(found.results) == norms | rows
    assert {(o.block, o.name) for o in found.once} == {("Attention", "x"), ("MLP", "x")}


STEPS = """\
block MLP(b: int):
    layers:
        up   = Linear(_, b)
        down = Linear(_, D)

    forward(x: float[N, T, D]) -> float[N, T, D]:
        return x -> up -> relu -> down

block Layer(b: int):
    layers:
        mlp = MLP(b)

    forward(x: float[N, T, D]) -> float[N, T, D]:
        BODY

model M(a: int = 4, b: int = 8):
    layers:
        first = Linear(_, a)
        layer = [Layer(b) for i in range(2)]
        last  = Linear(_, a)

    forward(x: float[N, T, a]) -> float[N, T, a]:
        return x -> first -> layer -> last
"""


@pytest.mark.parametrize(
    ("body", "cut"),
    [
        ("return x + mlp(x)", True),
        ("return x + mlp(x) * 0.5", True),
        ("return mlp(x) + mean(x, dim=1, keepdim=true)", False),
        ("return mlp(x) / T", False),
        ("return mlp(x) + arange(T, dtype=float)[:, none]", False),
        ("return mlp(x) + cat([x[:, 1:], x[:, :1]], dim=1)", False),
        ("return mlp(x) * softmax(x, dim=1)", False),
    ],
)
def test_what_mixes_steps_or_counts_them_has_all(body: str, cut: bool) -> None:
    found = stream(STEPS.replace("BODY", body))
    assert (found is not None and ("MLP", "down") in found.results) == cut


def test_a_result_is_given_whole() -> None:
    body = "        y = x -> up\n        return down(y), y\n"
    two = BODY.replace("-> float[N, T, a]:", "-> (float[N, T, a], float[N, T, b]):")
    assert "b" not in names(HEAD + two + body)
