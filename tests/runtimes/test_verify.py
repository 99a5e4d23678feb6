"""PyTorch, ONNX Runtime and OpenVINO agree, and where one is made to differ, it is found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
import torch
from click.testing import CliRunner

from spec_lang.cli import cli
from spec_lang.diagnostics import SpecError
from spec_lang.runtimes import RUNTIMES, CannotRun, OnnxRuntime, Prepared, Request, Torch, prepare, run
from spec_lang.runtimes.bench import bench
from spec_lang.runtimes.first_difference import first_difference
from spec_lang.runtimes.verify import (
    TOLERANCES,
    Tolerance,
    Verification,
    arbitrated,
    compare,
    difference,
    verify,
)
from spec_lang.shapes import DType
from spec_lang.targets.onnx.export import Options, emit
from spec_lang.weights import export as weights
from tests.onnx import exporting
from tests.onnx.exporting import program
from tests.runtimes.test_models import requests
from tests.torch.handmade import gpt2, lenet5

LENET = Request(lenet5(), "LeNet5")
GPT = Request(gpt2(), "GPT2", {"vocab": 50, "context": 9, "dim": 24, "depth": 2, "heads": 3})


@pytest.mark.parametrize("request_", [LENET, GPT], ids=["lenet5", "gpt2"])
def test_the_runtimes_agree(request_: Request) -> None:
    found = verify(request_, runtimes=("onnxruntime", "openvino"), samples=3)
    assert found.agrees
    assert len(found.trials) == 6
    assert found.trials[0].sizes.values["N"] == 1
    assert all(0 < d.absolute < 1e-4 for _, d in found.worst())
    assert {runtime for runtime, _ in found.worst()} == {"onnxruntime", "openvino"}


def test_half_precision_agrees_within_its_own_tolerance() -> None:
    assert verify(replace(LENET, dtype=DType.F16), samples=2).agrees


@pytest.mark.parametrize(
    ("result", "value", "words"),
    [
        ("[N, N]", "cdist(x, x)", "PyTorch on the CPU: \"cdist\" not implemented for 'Half'"),
        ("[N, 3]", "masked_fill(x, x > 0, -1e9)", "-1e+09 is beyond the numbers of f16"),
    ],
)
def test_what_pytorch_cannot_do_in_a_short_precision_is_told(
    result: str, value: str, words: str, tmp_path: Path
) -> None:
    spec = tmp_path / "m.nnspec"
    spec.write_text(f"model M:\n    forward(x: float[N, 3]) -> float{result}:\n        return {value}\n")
    shown = CliRunner().invoke(cli, ["verify", str(spec), "--dtype", "f16"])
    assert shown.exit_code == 1
    assert words in shown.output


def test_weights_from_a_file_reach_both_targets(tmp_path: Path) -> None:
    with prepare(replace(LENET, seed=5)) as prepared:
        inputs = prepared.sampler().sample(prepared.sampler().fixed({"N": 2}))
        drawn = Torch(prepared)
        torch.save({f"net.{k}": v for k, v in drawn.module.state_dict().items()}, tmp_path / "w.pt")
        expected = drawn(inputs)
    stored = replace(LENET, weights=str(tmp_path / "w.pt"), renames=("net.*=*",))
    for runtime in ("torch", "onnxruntime", "openvino"):
        found = run(stored, inputs, runtime)
        assert all(d.agrees for d in compare(expected, found)), runtime
    assert not all(d.agrees for d in compare(expected, run(LENET, inputs)))


@pytest.fixture
def prepared() -> Iterator[Prepared]:
    with prepare(GPT) as made:
        yield made


@pytest.mark.parametrize("path", ["h.0.attn.c_attn", "h.1.mlp.c_proj", "h.1.ln_2", "wpe", "ln_f"])
def test_the_first_layer_that_differs_is_named(prepared: Prepared, path: str) -> None:
    runtime = Torch(prepared)
    sampler = prepared.sampler()
    inputs = sampler.sample(sampler.fixed({"N": 2, "T": 5}))
    assert first_difference(prepared, runtime, inputs) is None
    with torch.no_grad():
        runtime.module.get_submodule(path).weight[0] *= 3
    assert not all(d.agrees for d in compare(runtime(inputs), OnnxRuntime(prepared)(inputs)))
    assert first_difference(prepared, runtime, inputs) == path


def test_a_difference_fails_the_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    from spec_lang.runtimes import pytorch

    honest = pytorch._torch_module

    def changed(prepared: Prepared) -> Any:
        module = honest(prepared)
        with torch.no_grad():
            module.fc2.bias += 0.01
        return module

    monkeypatch.setattr(pytorch, "_torch_module", changed)
    found = verify(LENET, samples=2)
    assert not found.agrees
    assert {t.first for t in found.trials} == {"fc2"}


class Forgetful(OnnxRuntime):
    """Wrong from its second run on."""

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        results = super().__call__(inputs)
        ran, self.ran = getattr(self, "ran", False), True
        return {name: r + 1 if ran else r for name, r in results.items()}


def test_a_runtime_that_is_right_in_a_new_session_is_told_from_a_wrong_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(RUNTIMES, "onnxruntime", Forgetful)
    found = verify(LENET, samples=3)
    assert [(t.agrees, t.fresh, t.first) for t in found.trials] == [
        (True, False, None),
        (False, True, None),
        (False, True, None),
    ]
    spec = str(exporting.MODELS / "lenet5.nnspec")
    shown = CliRunner().invoke(cli, ["verify", spec, "--samples", "3"])
    assert shown.exit_code == 1
    assert "onnxruntime differs, but agrees in a new session" in shown.output
    assert "LeNet5: DIFFERS at 2 of 3 choices of sizes" in shown.output


def test_openvino_attends_to_more_than_one_key_after_one_without_its_kernel_cache(tmp_path: Path) -> None:
    """As docs/onnx.md says: with the cache, OpenVINO 2026.4 goes on with the kernel for a single key."""
    text = """model M:
    forward(x: float[N, 4, T, 8]) -> float[N, 4, T, 8]:
        return scaled_dot_product_attention(x, x, x)
"""
    path = tmp_path / "m.onnx"
    exporting.export(exporting.program(text), "M", path)
    config = {"INFERENCE_PRECISION_HINT": "f32", "CPU_RUNTIME_CACHE_CAPACITY": "0"}
    compiled = openvino.Core().compile_model(str(path), "CPU", config)
    for keys in (1, 2, 9, 1, 16):
        x = torch.randn(2, 4, keys, 8)
        want = torch.nn.functional.scaled_dot_product_attention(x, x, x).numpy()
        assert difference("output", want, compiled([x.numpy()])[0], TOLERANCES[DType.F32]).agrees, keys


def numbers(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("got", "want", "agrees"),
    [
        (numbers(1, 2), numbers(1, 2), True),
        (numbers(1, 2.00001), numbers(1, 2), True),
        (numbers(1, 2.001), numbers(1, 2), False),
        (numbers(np.nan, np.inf), numbers(np.nan, np.inf), True),
        (numbers(1, np.inf), numbers(1, -np.inf), False),
        (numbers(1, np.nan), numbers(1, 2), False),
        (numbers(1, 2), numbers(1, np.nan), False),
        (numbers(1e-4, 2e-4), numbers(1e-4, 2.1e-4), False),
        (numbers(1000, 1e-3), numbers(1000, 2e-3), True),
        (numbers(), numbers(), True),
        (np.array([1, 2]), np.array([1, 2]), True),
        (np.array([1, 2]), np.array([1, 3]), False),
        (np.array([True]), np.array([False]), False),
        (np.zeros((1, 2), np.float32), np.zeros(2, np.float32), False),
        (np.zeros(2, np.float64), np.zeros(2, np.float32), False),
    ],
)
def test_tolerance(got: np.ndarray, want: np.ndarray, agrees: bool) -> None:
    assert difference("y", want, got, TOLERANCES[DType.F32]).agrees is agrees


def test_the_worst_numbers_are_reported() -> None:
    found = difference("y", numbers(1, 10, 100), numbers(1.5, 10, 101), TOLERANCES[DType.F32])
    assert (found.absolute, found.relative) == (1.0, 0.5)


def test_what_is_no_number_in_pytorch_is_said() -> None:
    nan, inf = float("nan"), float("inf")
    assert difference("y", numbers(nan, inf), numbers(nan, inf), TOLERANCES[DType.F32]).agrees
    found = difference("y", numbers(nan, inf, 1, 2), numbers(1, -inf, nan, 2), TOLERANCES[DType.F32])
    assert found.note == "PyTorch gives NaN or an infinity for 2 of these numbers"


@pytest.mark.parametrize(
    ("exact", "want", "got", "agrees"),
    [
        ((1, 2, 3), (1.01, 2.01, 3.01), (0.99, 1.98, 3.0), True),
        ((1, 2, 3), (1.01, 2.0, 3.0), (1.0, 1.98, 3.0), True),
        ((1, 2, 3), (1.001, 2.0, 3.0), (1.0, 1.98, 3.0), False),
        ((1, 2, 3), (1, 2, 3), (1, 2, 3.01), False),
        ((1, 2, 1e9), (1, 2, np.inf), (1, 2, 1.6e7), True),
        ((1,) * 9, (np.inf, *(1,) * 8), (np.inf, *(2,) * 8), False),
        ((1, np.nan), (1, np.nan), (1, 0), False),
        ((1, np.inf), (1.1, np.inf), (0.9, np.inf), True),
        ((np.inf, 1), (np.inf, 1), (3.4e38, 1), False),
        ((), (), (), True),
    ],
)
def test_a_run_in_f64_is_the_arbiter(exact: Any, want: Any, got: Any, agrees: bool) -> None:
    tolerance = TOLERANCES[DType.F32]
    plain = difference("y", numbers(*want), numbers(*got), tolerance)
    found = arbitrated(plain, np.array(exact, np.float64), numbers(*want), numbers(*got), tolerance)
    assert found.agrees is agrees
    assert found.own is not None


def test_no_tolerance_at_all_still_tells_right_from_wrong() -> None:
    nothing = Tolerance(0.0, 0.0)
    exact, want = np.array([1.0, 2.0]), numbers(1 + 1e-7, 2)
    for got, agrees in ((numbers(1 - 1e-7, 2), True), (numbers(1.1, 2), False)):
        assert arbitrated(difference("y", want, got, nothing), exact, want, got, nothing).agrees is agrees


SHARP = """
model Sharp:
    layers:
        fc = Linear(16, 16)

    forward(x: float[N, 16]) -> float[N, 16]:
        y = fc(x)
        for i in range(24):
            y = sin(y * 3.0)
        return y
"""


def test_where_roundings_are_magnified_no_wolf_is_cried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.nnspec").write_text(SHARP)
    command = ["verify", str(tmp_path / "m.nnspec"), "--size", "N=9"]
    shown = CliRunner().invoke(cli, command)
    assert shown.exit_code == 0, shown.output
    assert "ok, to float64 (PyTorch" in shown.output
    request = Request(exporting.program(SHARP), "Sharp")
    assert verify(request, sizes={"N": 9}).agrees

    class Wrong(OnnxRuntime):
        """Right but for one number in each row."""

        def __call__(self, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
            return {name: r + (np.arange(16) == 3) for name, r in super().__call__(inputs).items()}

    monkeypatch.setitem(RUNTIMES, "onnxruntime", Wrong)
    assert not verify(request, sizes={"N": 9}).agrees


def test_tolerances_are_given(tmp_path: Path) -> None:
    spec = str(exporting.MODELS / "lenet5.nnspec")
    for option in ("--rtol", "--atol"):
        for value in ("-1", "nan", "inf", "x"):
            assert CliRunner().invoke(cli, ["verify", spec, option, value]).exit_code == 2
    shown = CliRunner().invoke(cli, ["verify", spec, "--samples", "1", "--rtol", "0", "--atol", "1e-9"])
    assert shown.exit_code == 0, shown.output
    assert "to float64" in shown.output


# --- An exported model ----------------------------------------------------------------------


def export(folder: Path, **options: Any) -> str:
    exported = emit(LENET.program, "LeNet5")
    path = str(folder / "m.onnx")
    with weights.export(exported.state, exported.needed, path, **options) as job:
        job.commit(exported.chunks(job.data, job.metadata))
    return path


def test_an_exported_model_is_verified_with_its_seed(tmp_path: Path) -> None:
    path = export(tmp_path, seed=77)
    assert verify(replace(LENET, onnx=path), samples=1).agrees


SEVERAL = """
model Net:
    layers:
        fc = Linear(4, 4)
    forward(x: float[N, 4]) -> float[N, 4]:
        return fc(x)
    twice(y: float[N, 4]) -> float[N, 4]:
        return y -> fc -> fc
    loss(scores: float[N, 4], label: int[N]):
        return cross_entropy(scores, label)
"""


@pytest.mark.parametrize(
    ("options", "mode", "fix"),
    [
        ({"method": "twice"}, "copy", "no input `x`, which forward of Net has: .* --method"),
        ({"with_loss": True}, "copy", "the input `label`, .* export it without its loss"),
        ({}, "none", "exported with --no-weights"),
    ],
)
def test_an_exported_model_that_takes_something_else_is_refused(
    options: dict[str, Any], mode: weights.Mode, fix: str, tmp_path: Path
) -> None:
    net = Request(program(SEVERAL), "Net", onnx=str(tmp_path / "m.onnx"))
    exported = emit(net.program, "Net", options=Options(**options))
    with weights.export(exported.state, exported.needed, str(net.onnx), mode=mode) as job:
        job.commit(exported.chunks(job.data, job.metadata))
    with pytest.raises(CannotRun, match=fix):
        verify(net, samples=1)
    if "method" in options:
        assert verify(replace(net, method="twice"), samples=1).agrees


def test_weights_that_changed_since_the_export_are_an_error(tmp_path: Path) -> None:
    torch.manual_seed(1)
    with prepare(LENET) as made:
        torch.save(Torch(made).module.state_dict(), tmp_path / "w.pt")
    path = export(tmp_path, weights=str(tmp_path / "w.pt"))
    request = replace(LENET, onnx=path, weights=str(tmp_path / "w.pt"))
    assert verify(request, samples=1).agrees
    with pytest.raises(CannotRun, match="--weights"):
        verify(replace(LENET, onnx=path), samples=1)
    data = bytearray((tmp_path / "w.pt").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "w.pt").write_bytes(data)
    with pytest.raises(SpecError) as caught:
        verify(request, samples=1)
    assert [d.code for d in caught.value.diagnostics] == ["E1015"]


def test_an_exported_model_says_how_it_was_exported(tmp_path: Path) -> None:
    bert = next(r for r in requests("bert", rows=1))
    exported = emit(bert.program, bert.name, bert.overrides, Options(dtype=DType.F16, inputs=("padding",)))
    path = str(tmp_path / "m.onnx")
    with weights.export(exported.state, exported.needed, path, seed=9, precision=DType.F16) as job:
        job.commit(exported.chunks(job.data, job.metadata))
    found = verify(replace(bert, onnx=path), samples=2)
    assert found.agrees
    assert {t.given for t in found.trials} == {("padding",)}


def test_a_file_that_is_not_this_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="no export of GPT2, but of `LeNet5`"):
        verify(replace(GPT, onnx=export(tmp_path)))
    (tmp_path / "m.onnx").write_bytes(b"hello")
    with pytest.raises(CannotRun, match="no ONNX model"):
        verify(replace(LENET, onnx=str(tmp_path / "m.onnx")))


def test_data_that_is_gone_is_told(tmp_path: Path) -> None:
    path = export(tmp_path)
    (tmp_path / "m.onnx.data").unlink()
    with pytest.raises(CannotRun, match="ONNX Runtime cannot load the model"):
        verify(replace(LENET, onnx=path))


def test_a_verification_without_a_trial_is_none() -> None:
    assert not Verification("M", (), {"onnxruntime": "lacks an operator"}).agrees


# --- Running and timing ---------------------------------------------------------------------

SIZED = """model M:
    forward(x: float[N, 4*h], y: float[N, h + 2]) -> float[N]:
        return x.sum(dim=1) + y.sum(dim=1)
"""


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ((3, 8), (3, 4), None),
        ((3, 9), (3, 4), r"`x` is \[3, 9\], but the model takes float\[N, 4\*h\] \("),
        ((3, 8), (2, 4), r"`y` is \[2, 4\], but the model takes float\[N, h \+ 2\], with N = 3"),
        ((3, 8), (3, 5), r"`y` is \[3, 5\], but the model takes float\[N, h \+ 2\], with h = 2"),
    ],
)
def test_sizes_of_inputs_are_values_of_their_dims(
    x: tuple[int, int], y: tuple[int, int], words: str | None
) -> None:
    request = Request(exporting.program(SIZED), "M")
    inputs = {"x": np.ones(x, np.float32), "y": np.ones(y, np.float32)}
    if words is None:
        assert run(request, inputs)["output"].tolist() == [12.0] * 3
        return
    with pytest.raises(CannotRun, match=words):
        run(request, inputs)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "`image` is missing"),
        ({"image": np.zeros((1, 1, 32, 32), np.float32), "x": np.zeros(1)}, "no input `x`"),
        ({"image": np.zeros((1, 3, 32, 32), np.float32)}, r"\[1, 3, 32, 32\], but the model takes"),
        ({"image": np.zeros((1, 32, 32), np.float32)}, "but the model takes"),
        ({"image": np.zeros((1, 1, 32, 32))}, "float64, but the model takes float32"),
    ],
)
def test_inputs_that_do_not_fit_are_told(inputs: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(CannotRun, match=words):
        run(LENET, inputs)


def test_a_runtime_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else find(name))
    with pytest.raises(CannotRun, match=r"pip install 'spec-lang\[openvino\]'"):
        run(LENET, {"image": np.zeros((1, 1, 32, 32), np.float32)}, "openvino")


def test_latencies_are_compared() -> None:
    found = bench(LENET, runtimes=("onnxruntime", "torch"), runs=4, sizes={"N": 3})
    assert found.sizes.values == {"N": 3}
    first, second = found.rows
    assert (first.runtime, first.ratio) == ("onnxruntime", 1.0)
    assert 0 < first.low <= first.median <= first.high
    assert second.ratio_low <= second.ratio <= second.ratio_high


@pytest.mark.parametrize(
    ("inputs", "result", "value"),
    [
        ("x: float[N, 5], q: float[2]", "float[2, N]", "quantile(x, q, dim=1)"),
        ("x: float[N, 3], y: float[N, 3]", "float[]", "binary_cross_entropy(x, y)"),
        ("x: float[N, 3], y: float[N, 3], v: float[N, 1]", "float[]", "gaussian_nll_loss(x, y, v)"),
    ],
)
def test_numbers_are_drawn_that_pytorch_takes(inputs: str, result: str, value: str) -> None:
    text = f"model M:\n    forward({inputs}) -> {result}:\n        return {value}"
    assert verify(Request(program(text), "M"), samples=2).agrees


def test_numbers_that_no_draw_gives_are_said() -> None:
    text = "model M:\n    forward(x: float[N, 5], q: float[]) -> float[N]:\n        return quantile(x, q + 5, dim=1)"
    request = Request(program(text), "M")
    with pytest.raises(CannotRun, match=r"each of three draws of inputs: quantile\(\) q .* range \[0, 1\]"):
        verify(request)
    with pytest.raises(CannotRun, match="the numbers that were drawn are refused"):
        bench(request, runtimes=("torch",))
