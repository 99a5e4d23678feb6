"""From a weights file to what a graph needs: matching, renaming, placing, converting, writing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from spec_lang.diagnostics import SpecError
from spec_lang.ops.init import Draw, Uniform
from spec_lang.shapes.dtype import DType
from spec_lang.targets.onnx.export import emit
from spec_lang.weights import export as weights
from spec_lang.weights import fingerprint, rename
from spec_lang.weights.place import External, Streamed
from spec_lang.weights.state import Entry, Needed, Rows, State
from tests.onnx.exporting import program
from tests.weights.helpers import codes, exported, listing, needed_of, state_of, text

DICE = np.random.RandomState(0)
TENSORS = {
    "embed.weight": DICE.randn(7, 4).astype(np.float32),
    "fc.weight": DICE.randn(5, 4).astype(np.float32),
    "fc.bias": DICE.randn(5).astype(np.float32),
    "norm.steps": np.array(3, np.int64),
}
STATE = state_of(TENSORS)
NEEDED = needed_of(STATE)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    save_file(TENSORS, tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def refused(path: Path, tensors: dict[str, Any], state: State = STATE, **options: Any) -> SpecError:
    """The error of exporting a file of these tensors; nothing is left behind."""
    save_file(tensors, path / "w.safetensors")
    with pytest.raises(SpecError) as caught:
        exported(state, needed_of(state), path / "m.onnx", weights=str(path / "w.safetensors"), **options)
    assert listing(path) == {"w.safetensors"}
    return caught.value


# --- Modes ----------------------------------------------------------------------------------


def test_a_result_does_not_depend_on_the_file_that_was_given(stored: Path) -> None:
    _, job = exported(STATE, NEEDED, stored.parent / "m.onnx", weights=str(stored))
    assert {d.location for d in job.data.values()} == {"m.onnx.data"}
    save_file({k: np.zeros_like(v) for k, v in TENSORS.items()}, stored)
    data = (stored.parent / "m.onnx.data").read_bytes()
    for key, value in TENSORS.items():
        place = job.data[key]
        assert data[place.offset : place.offset + place.length] == value.tobytes()


@pytest.mark.parametrize(
    "system", ["lacks the call", "refuses", "copies nothing", "copies in small steps", "copies"]
)
def test_a_copy_is_whole_whatever_the_system_does(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(os, "copy_file_range", None)
    calls: list[int] = []

    def copy(source: int, target: int, count: int, offset: int, at: int) -> int:
        calls.append(count)
        if system == "refuses":
            raise OSError(18, "Invalid cross-device link")
        if system == "copies nothing":
            return 0
        if len(calls) > 3:  # as a network's file system that gives up
            raise OSError(95, "Operation not supported")
        data = os.pread(source, min(count, 1001) if system == "copies in small steps" else count, offset)
        return os.pwrite(target, data, at)

    if system == "lacks the call":
        monkeypatch.delattr(os, "copy_file_range", raising=False)
    elif system != "copies" or real is None:
        monkeypatch.setattr(os, "copy_file_range", copy, raising=False)
    tensors = {"a": DICE.randn(3000, 7).astype(np.float32), "b": DICE.randn(5).astype(np.float32)}
    save_file(tensors, tmp_path / "w.safetensors")
    state = state_of(tensors)
    found, _ = exported(state, needed_of(state), tmp_path / "m.onnx", weights=str(tmp_path / "w.safetensors"))
    for key, value in tensors.items():
        np.testing.assert_array_equal(found[key], value)


def test_the_system_copies_all_that_is_as_the_graph_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing passes through the process: not the elements, and not the rows of gates."""
    if not hasattr(os, "copy_file_range"):
        pytest.skip("the system has no such call")
    save_file(LSTM | {"w": np.ones((4, 4), np.float32)}, tmp_path / "w.safetensors")
    state = State((*state_of(LSTM).entries, Entry("w", (4, 4))))
    monkeypatch.setattr(os, "pwrite", None)
    needed = [GATES, Needed("w", DType.F32, (4, 4))]
    found, _ = exported(state, needed, tmp_path / "m.onnx", weights=str(tmp_path / "w.safetensors"))
    np.testing.assert_array_equal(found["lstm.W"], gates(LSTM))


def test_beside_the_file_nothing_needs_to_be_copied(stored: Path) -> None:
    found, job = exported(STATE, NEEDED, stored.parent / "m.onnx", weights=str(stored), mode="point")
    assert listing(stored.parent) == {"m.safetensors", "m.onnx"}
    assert {d.location for d in job.data.values()} == {"m.safetensors"}
    for key, value in TENSORS.items():
        np.testing.assert_array_equal(found[key], value)


def test_a_file_in_a_folder_below_is_pointed_at_too(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    save_file(TENSORS, tmp_path / "w" / "m.safetensors")
    path = str(tmp_path / "w" / "m.safetensors")
    found, job = exported(STATE, NEEDED, tmp_path / "m.onnx", weights=path, mode="point")
    assert {d.location for d in job.data.values()} == {"w/m.safetensors"}
    np.testing.assert_array_equal(found["fc.weight"], TENSORS["fc.weight"])


@pytest.mark.parametrize("place", ["elsewhere", "symlink", "hard link", "folder link", "above"])
def test_a_file_that_a_runtime_would_refuse_is_copied_or_told(place: str, tmp_path: Path) -> None:
    out, far = tmp_path / "out", tmp_path / "far"
    out.mkdir()
    far.mkdir()
    save_file(TENSORS, far / "m.safetensors")
    given = far / "m.safetensors"
    if place == "symlink":
        given = out / "m.safetensors"
        given.symlink_to(far / "m.safetensors")
    elif place == "hard link":
        given = out / "m.safetensors"
        given.hardlink_to(far / "m.safetensors")
    elif place == "folder link":
        (out / "w").symlink_to(far)
        given = out / "w" / "m.safetensors"
    elif place == "above":
        given = tmp_path / "m.safetensors"
        save_file(TENSORS, given)
    with pytest.raises(SpecError) as caught:
        exported(STATE, NEEDED, out / "m.onnx", weights=str(given), mode="point")
    assert codes(caught.value) == ["E1017"]
    assert "--zero-copy" in text(caught.value)
    found, job = exported(STATE, NEEDED, out / "m.onnx", weights=str(given))
    assert {d.location for d in job.data.values()} == {"m.onnx.data"}
    assert not (out / "m.onnx.data").is_symlink()
    for key, value in TENSORS.items():
        np.testing.assert_array_equal(found[key], value)


def test_small_tensors_of_a_copy_stand_side_by_side(tmp_path: Path) -> None:
    tensors = {f"{i}.{name}": np.ones(n, np.float32) for i in range(3) for name, n in (("w", 4096), ("b", 8))}
    save_file(tensors, tmp_path / "w.safetensors")
    state = state_of(tensors)
    options = {"weights": str(tmp_path / "w.safetensors"), "mode": "copy"}
    found, job = exported(state, needed_of(state), tmp_path / "m.onnx", **options)
    places = {k: d.offset for k, d in job.data.items() if isinstance(d, External)}
    assert [places[f"{i}.b"] for i in range(3)] == [0, 64, 128]
    assert min(places[f"{i}.w"] for i in range(3)) == 192
    for key, value in tensors.items():
        np.testing.assert_array_equal(found[key], value)


@pytest.mark.parametrize("mode", ["copy", "embed"])
@pytest.mark.parametrize("kind", ["safetensors", "checkpoint", "seed"])
def test_self_contained_results(mode: str, kind: str, tmp_path: Path) -> None:
    expected = TENSORS
    options: dict[str, Any] = {"mode": mode}
    if kind == "safetensors":
        save_file(TENSORS, tmp_path / "w.safetensors")
        options["weights"] = str(tmp_path / "w.safetensors")
    elif kind == "checkpoint":
        torch.save({k: torch.from_numpy(v) for k, v in TENSORS.items()}, tmp_path / "w.pt")
        options["weights"] = str(tmp_path / "w.pt")
    else:
        expected = {k: np.zeros_like(v) for k, v in TENSORS.items()}
    found, job = exported(STATE, NEEDED, tmp_path / "m.onnx", **options)
    assert listing(tmp_path) - {"w.safetensors", "w.pt"} == {"m.onnx"} | (
        {"m.onnx.data"} if mode == "copy" else set()
    )
    assert all(isinstance(d, External if mode == "copy" else Streamed) for d in job.data.values())
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value)


def test_a_checkpoint_is_pointed_into(tmp_path: Path) -> None:
    state = {k: torch.from_numpy(v) for k, v in TENSORS.items()}
    state["fc.weight"] = torch.from_numpy(TENSORS["fc.weight"].T.copy()).t()
    torch.save(state, tmp_path / "w.pt")
    found, job = exported(STATE, NEEDED, tmp_path / "m.onnx", weights=str(tmp_path / "w.pt"), mode="point")
    assert {k: d.location for k, d in job.data.items()} == {
        "embed.weight": "w.pt",
        "fc.weight": "m.onnx.data",
        "fc.bias": "w.pt",
        "norm.steps": "w.pt",
    }
    for key, value in TENSORS.items():
        np.testing.assert_array_equal(found[key], value)


def test_without_weights_nothing_is_given(tmp_path: Path) -> None:
    with weights.export(STATE, NEEDED, str(tmp_path / "m.onnx"), mode="none") as job:
        job.commit([b"x"])
    assert job.data == {}
    assert listing(tmp_path) == {"m.onnx"}


def test_embedding_over_the_limit_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    state = State((Entry("a", (1 << 29,)),))
    with pytest.raises(SpecError, match="2,147,483,648 bytes") as caught:
        exported(state, needed_of(state), tmp_path / "m.onnx", mode="embed")
    assert codes(caught.value) == ["E1014"]
    assert listing(tmp_path) == set()


# --- Derived tensors ------------------------------------------------------------------------

GATES = Needed(
    "lstm.W", DType.F32, (2, 8, 3), tuple(Rows(k, i, i + 2) for k in ("f", "b") for i in (0, 6, 2, 4))
)
LSTM = {k: DICE.randn(8, 3).astype(np.float32) for k in ("f", "b")}


def gates(values: dict[str, np.ndarray]) -> np.ndarray:
    return np.stack([np.concatenate([v[0:2], v[6:8], v[2:4], v[4:6]]) for v in (values["f"], values["b"])])


@pytest.mark.parametrize("mode", ["point", "copy", "embed"])
def test_rows_are_stacked(mode: str, tmp_path: Path) -> None:
    save_file(LSTM, tmp_path / "w.safetensors")
    zeros = Needed("zeros", DType.F32, (3, 3), (Rows(None, 0, 2), Rows("b", 7, 8)))
    found, _ = exported(
        state_of(LSTM),
        [GATES, zeros],
        tmp_path / "m.onnx",
        weights=str(tmp_path / "w.safetensors"),
        mode=mode,
    )
    np.testing.assert_array_equal(found["lstm.W"], gates(LSTM))
    np.testing.assert_array_equal(found["zeros"], np.concatenate([np.zeros((2, 3)), LSTM["b"][7:8]]))


@pytest.mark.parametrize("precision", [DType.F16, DType.BF16])
@pytest.mark.parametrize("source", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_precisions_are_converted_as_torch_converts(
    source: torch.dtype, precision: DType, tmp_path: Path
) -> None:
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0)) * 10.0 ** torch.arange(
        -10, 10
    ).repeat(50)
    values[:6] = torch.tensor([0.0, -0.0, float("inf"), float("nan"), 65519.9, 1 + 2**-8])
    tensors = {"a": values.to(source)}
    torch.save(tensors, tmp_path / "w.pt")
    state = State((Entry("a", (1000,)),))
    found, _ = exported(
        state,
        needed_of(state, precision),
        tmp_path / "m.onnx",
        weights=str(tmp_path / "w.pt"),
        precision=precision,
    )
    wanted = tensors["a"].to(torch.float16 if precision is DType.F16 else torch.bfloat16)
    nan = torch.isnan(wanted).numpy()
    bits = wanted.view(torch.int16).numpy()
    np.testing.assert_array_equal(found["a"].view(np.int16)[~nan], bits[~nan])
    assert np.isnan(found["a"].astype(np.float32)[nan]).all() or precision is DType.BF16


@pytest.mark.parametrize("source", [torch.bfloat16, torch.float16])
def test_narrow_floats_are_widened(source: torch.dtype, tmp_path: Path) -> None:
    values = torch.randn(50).to(source)
    torch.save({"a": values}, tmp_path / "w.pt")
    state = State((Entry("a", (50,)),))
    found, _ = exported(state, needed_of(state), tmp_path / "m.onnx", weights=str(tmp_path / "w.pt"))
    np.testing.assert_array_equal(found["a"], values.float().numpy())


# --- Matching -------------------------------------------------------------------------------


def test_every_mismatch_is_told_at_once(tmp_path: Path) -> None:
    error = refused(
        tmp_path,
        {
            "embed.weigth": TENSORS["embed.weight"],
            "fc.weight": TENSORS["fc.weight"].T.copy(),
            "fc.bias": TENSORS["fc.bias"].astype(np.int32),
            "norm.steps": TENSORS["norm.steps"].astype(np.int32),
            "extra": np.zeros(2, np.float32),
        },
    )
    assert codes(error) == ["E1008", "E1009", "E1010", "E1011"]
    words = text(error)
    assert "`embed.weight` [7, 4]; the file has `embed.weigth`, did you mean that?" in words
    assert "`extra` [2]" in words
    assert "`fc.weight` is [5, 4] in the model, [4, 5] in the file: it is transposed" in words
    assert "`fc.bias` is f32 in the model, i32 in the file" in words
    assert "`norm.steps` is i64 in the model, i32 in the file" in words


@pytest.mark.parametrize(("key", "dtype"), [("fc.bias", np.int64), ("norm.steps", np.int32)])
def test_numbers_of_another_kind_are_refused(key: str, dtype: type, tmp_path: Path) -> None:
    assert codes(refused(tmp_path, {**TENSORS, key: TENSORS[key].astype(dtype)})) == ["E1011"]


def test_doubles_become_the_precision_that_is_exported_and_it_is_said(tmp_path: Path) -> None:
    save_file(
        {k: v.astype(np.float64) if v.dtype.kind == "f" else v for k, v in TENSORS.items()},
        tmp_path / "w.safetensors",
    )
    found, job = exported(STATE, NEEDED, tmp_path / "m.onnx", weights=str(tmp_path / "w.safetensors"))
    assert job.notes == ("3 tensors of f64 rounded to f32",)
    for key, value in TENSORS.items():
        np.testing.assert_array_equal(found[key], value)


def test_doubles_are_no_exact_floats(tmp_path: Path) -> None:
    exact = State((Entry("a", (2,), DType.F32),))
    assert codes(refused(tmp_path, {"a": np.ones(2)}, exact)) == ["E1011"]


@pytest.mark.parametrize(
    ("ours", "theirs", "fix"),
    [("", "module.", "module.*=*"), ("", "a.b.", "a.b.*=*"), ("model.", "", "*=model.*")],
)
def test_a_prefix_is_recognised_and_the_fix_works(ours: str, theirs: str, fix: str, tmp_path: Path) -> None:
    state = state_of({ours + k: v for k, v in TENSORS.items()})
    tensors = {theirs + k: v for k, v in TENSORS.items()}
    error = refused(tmp_path, tensors, state)
    assert f"--rename '{fix}'" in text(error)
    path = tmp_path / "w.safetensors"
    found, _ = exported(state, needed_of(state), tmp_path / "m.onnx", weights=str(path), renames=[fix])
    np.testing.assert_array_equal(found[ours + "fc.bias"], TENSORS["fc.bias"])


def test_thousands_of_wrong_keys_are_told_in_little_time(tmp_path: Path) -> None:
    state = State(tuple(Entry(f"layers.{i}.attention.weight", (1,)) for i in range(5000)))
    tensors = {f"blocks.{i}.attn.w": np.zeros(1, np.float32) for i in range(5000)}
    start = time.process_time()
    error = refused(tmp_path, tensors, state)
    assert time.process_time() - start < 5
    assert "and 4,980 more" in text(error)
    assert len(text(error)) < 10_000


def test_the_counter_of_old_batch_norms_may_be_missing(tmp_path: Path) -> None:
    state = State((Entry("bn.weight", (2,)), Entry("bn.num_batches_tracked", (), DType.I64, optional=True)))
    save_file({"bn.weight": np.ones(2, np.float32)}, tmp_path / "w.safetensors")
    found, job = exported(
        state, needed_of(state), tmp_path / "m.onnx", weights=str(tmp_path / "w.safetensors")
    )
    assert found["bn.num_batches_tracked"] == 0
    assert "num_batches_tracked" in job.notes[0]


def test_a_buffer_of_the_authors_may_not_be_missing(tmp_path: Path) -> None:
    spec = """
model Net:
    layers:
        norm = BatchNorm1d(4)
        buffer num_batches_tracked: float[4] = ones()

    forward(x: float[N, 4]) -> float[N, 4]:
        return norm(x) * num_batches_tracked
"""
    state = emit(program(spec), "Net").state
    assert [e.key for e in state.entries if e.optional] == ["norm.num_batches_tracked"]
    tensors = {e.key: np.zeros(e.shape, np.float32) for e in state.entries if e.dtype is DType.FLOAT}
    del tensors["num_batches_tracked"]
    assert codes(refused(tmp_path, tensors, state)) == ["E1008"]


TIED = State((Entry("head", (5, 4), shared="embed"), Entry("embed", (5, 4))))


@pytest.mark.parametrize("keys", [("head",), ("embed",), ("head", "embed")])
def test_tied_tensors_are_stored_once_or_twice(keys: tuple[str, ...], tmp_path: Path) -> None:
    save_file(dict.fromkeys(keys, TENSORS["fc.weight"]), tmp_path / "w.safetensors")
    found, _ = exported(TIED, needed_of(TIED), tmp_path / "m.onnx", weights=str(tmp_path / "w.safetensors"))
    np.testing.assert_array_equal(found["embed"], TENSORS["fc.weight"])


def test_tied_tensors_that_differ_are_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, {"head": TENSORS["fc.weight"], "embed": TENSORS["fc.weight"] + 1}, TIED)
    assert codes(error) == ["E1012"]
    assert "`head`" in text(error)
    assert "`embed`" in text(error)


def test_a_tied_tensor_that_is_missing_is_told_once(tmp_path: Path) -> None:
    error = refused(tmp_path, {"other": np.zeros(1, np.float32)}, TIED)
    assert error.diagnostics[0].message == "1 tensor is missing from the file"


# --- Renaming -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patterns", "key", "result"),
    [
        (["module.*=*"], "module.a.b", "a.b"),
        (["*.gamma=*.weight"], "x.1.gamma", "x.1.weight"),
        (["h.*.attn.*=blocks.*.attention.*"], "h.3.attn.w", "blocks.3.attention.w"),
        ([r"/layers\.(\d+)\.(.*)/=h.\1.\2"], "layers.7.fc.weight", "h.7.fc.weight"),
        ([r"/(?P<n>a+)=?/=\g<n>x"], "aa=", "aax"),
        (["module.*=*", "*.gamma=*.weight"], "module.n.gamma", "n.weight"),
        (["a.b=c\\1"], "a.b", "c\\1"),
        (["a+b=c"], "a+b", "c"),
        (["*.mask="], "x.mask", None),
    ],
)
def test_patterns(patterns: list[str], key: str, result: str | None, tmp_path: Path) -> None:
    state = state_of({k: np.zeros(1, np.float32) for k in (result, "keep") if k})
    save_file({key: np.zeros(1, np.float32), "keep": np.zeros(1, np.float32)}, tmp_path / "w.safetensors")
    exported(
        state,
        needed_of(state),
        tmp_path / "m.onnx",
        weights=str(tmp_path / "w.safetensors"),
        renames=patterns,
    )


@pytest.mark.parametrize(
    "pattern",
    [
        "nothing",
        "=x",
        "a*=**",
        "/(/=x",
        r"/a/=\1",
        "nowhere.*=*",
        "/.*/=one",
        "fc.weight=fc.bias",
        f"/{'(' * 5000}/=x",
        "/a{99999999999}/=x",
    ],
)
def test_patterns_that_cannot_be(pattern: str, tmp_path: Path) -> None:
    assert set(codes(refused(tmp_path, TENSORS, renames=[pattern]))) == {"E1013"}


SLOW = ["/(a+)+b/=x", "/(?:a?|a){40}b/=x", "/.*.*.*.*.*.*.*b/=x", f"{'*a' * 200}*b=x"]
"""Patterns that go back over a key again and again."""


@pytest.mark.parametrize("pattern", SLOW)
@pytest.mark.parametrize("option", ["renames", "ignores"])
def test_patterns_take_bounded_time(pattern: str, option: str, tmp_path: Path) -> None:
    old = pattern.partition("=")[0]
    tensors = TENSORS | {"a" * 3000: np.zeros(1, np.float32)}
    options: dict[str, Any] = {option: [pattern if option == "renames" else old]}
    start = time.monotonic()
    error = refused(tmp_path, tensors, **options)
    assert time.monotonic() - start < 10  # of a process that takes one, on a machine that may be busy
    assert codes(error) == ["E1013"]
    assert ("takes more than 1 s" if old.startswith("/") else "fits no key") in text(error)


@pytest.mark.parametrize("stars", [1, 2, 3])
def test_each_star_takes_what_a_greedy_group_would(stars: int) -> None:
    dice = Random(stars)
    for _ in range(2000):
        old = "*".join("".join(dice.choices("ab.", k=dice.randrange(3))) for _ in range(stars + 1))
        key = "".join(dice.choices("ab.", k=dice.randrange(9)))
        match = re.fullmatch("(.*)".join(map(re.escape, old.split("*"))), key)
        want = None if match is None else "|".join(match.groups())
        assert rename.parse(f"{old}={'|'.join('*' * stars)}").renamed([key]) == [want]


@pytest.mark.parametrize("pattern", ["extra.*", "/extra\\.(a|b)/", "extra.?", "*"])
@pytest.mark.parametrize("renames", [(), ("extra.*=more.*",), ("*=x.*", "x.*=*")])
def test_tensors_are_left_out_under_their_names_in_the_file(
    pattern: str, renames: tuple[str, ...], tmp_path: Path
) -> None:
    tensors = TENSORS | {"extra.a": np.ones(1, np.float32), "extra.b": np.ones(1, np.float32)}
    save_file(tensors, tmp_path / "w.safetensors")
    options = {"weights": str(tmp_path / "w.safetensors"), "ignores": [pattern]}
    if pattern == "extra.*":
        renames = tuple(r for r in renames if not r.startswith("extra"))
    elif pattern in ("extra.?", "*") or (renames and renames[0].startswith("extra")):
        with pytest.raises(SpecError) as caught:
            exported(STATE, NEEDED, tmp_path / "m.onnx", renames=renames, **options)
        wanted = {"*": "E1008" if not renames else "E1013"}.get(pattern, "E1013")
        assert codes(caught.value)[0] == wanted
        return
    found, _ = exported(STATE, NEEDED, tmp_path / "m.onnx", renames=renames, **options)
    np.testing.assert_array_equal(found["fc.weight"], TENSORS["fc.weight"])


def test_tensors_are_left_out_under_their_new_names_too(tmp_path: Path) -> None:
    tensors = {f"net.{k}": v for k, v in TENSORS.items()} | {"net.extra": np.ones(1, np.float32)}
    save_file(tensors, tmp_path / "w.safetensors")
    options = {"weights": str(tmp_path / "w.safetensors"), "renames": ["net.*=*"]}
    exported(STATE, NEEDED, tmp_path / "m.onnx", ignores=["extra"], **options)
    exported(STATE, NEEDED, tmp_path / "m.onnx", ignores=["net.extra"], **options)


@pytest.mark.parametrize(
    ("extra", "help"),
    [
        (["epoch"], "`--ignore 'epoch'` leaves it out"),
        (["loss.a", "loss.b"], "`--ignore 'loss.*'` leaves them out"),
        (["a.x", "b.x"], "`--ignore 'a.x' --ignore 'b.x'` leaves them out"),
        (list("abcd"), "`--ignore 'KEY'` leaves a tensor out"),
        (["it's"], "`--ignore 'KEY'` leaves a tensor out"),
    ],
)
def test_what_the_model_has_no_place_for_is_told_with_the_option(
    extra: list[str], help: str, tmp_path: Path
) -> None:
    error = refused(tmp_path, TENSORS | {k: np.ones(1, np.float32) for k in extra})
    assert codes(error) == ["E1009"]
    assert help in text(error)


# --- What is left when it fails -------------------------------------------------------------


def test_an_export_that_is_not_committed_leaves_what_was_there(stored: Path) -> None:
    (stored.parent / "m.onnx").write_text("before")
    (stored.parent / "m.onnx.data").write_text("before")
    with (
        pytest.raises(ZeroDivisionError),
        weights.export(STATE, NEEDED, str(stored.parent / "m.onnx"), weights=str(stored), mode="copy"),
    ):
        raise ZeroDivisionError
    assert listing(stored.parent) == {"m.safetensors", "m.onnx", "m.onnx.data"}
    assert (stored.parent / "m.onnx").read_text() == "before"
    assert (stored.parent / "m.onnx.data").read_text() == "before"


def test_a_file_that_shrinks_while_it_is_read_is_an_error(stored: Path) -> None:
    def shrink() -> None:
        path = str(stored.parent / "m.onnx")
        with weights.export(STATE, NEEDED, path, weights=str(stored), mode="embed") as job:
            os.truncate(stored, stored.stat().st_size - 40)
            job.commit(chunk for d in job.data.values() if isinstance(d, Streamed) for chunk in d.chunks())

    with pytest.raises(SpecError, match="shorter") as caught:
        shrink()
    assert codes(caught.value) == ["E1003"]
    assert listing(stored.parent) == {"m.safetensors"}


@pytest.mark.parametrize("name", ["m.onnx", "m.onnx.data"])
def test_a_folder_in_the_way_is_told(name: str, stored: Path) -> None:
    (stored.parent / name).mkdir()
    with pytest.raises(SpecError) as caught:
        exported(STATE, NEEDED, stored.parent / "m.onnx", weights=str(stored))
    assert codes(caught.value) == ["E1016"]


def test_a_missing_folder_is_told(stored: Path) -> None:
    with pytest.raises(SpecError) as caught:
        exported(STATE, NEEDED, stored.parent / "none" / "m.onnx", weights=str(stored))
    assert codes(caught.value) == ["E1016"]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = os.statvfs(tmp_path)
    monkeypatch.setattr(os, "fstatvfs", lambda fd: room)
    state = State((Entry("a", (room.f_bavail * room.f_frsize // 4 + 1,)),))
    with pytest.raises(SpecError, match=r"space|large") as caught:
        exported(state, needed_of(state), tmp_path / "m.onnx")
    assert codes(caught.value) == ["E1016"]
    assert listing(tmp_path) == set()


@pytest.mark.parametrize("seeded", [True, False])
def test_a_write_that_fails_is_told_and_leaves_nothing(
    seeded: bool, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, data: bytes, offset: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    monkeypatch.setattr(os, "copy_file_range", lambda source, fd, count, start, at: full(fd, b"", at))
    state = State(STATE.entries, (Draw("fc.weight", Uniform(0, 1)),))
    options = {} if seeded else {"weights": str(stored)}
    with pytest.raises(SpecError, match="No space left") as caught:
        exported(state, NEEDED, stored.parent / "m.onnx", mode="copy", **options)
    assert codes(caught.value) == ["E1016"]
    assert listing(stored.parent) == {"m.safetensors"}


def test_what_stops_the_writing_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is: more chunks than may wait to be written do not block."""

    def broken(fd: int, data: bytes, offset: int) -> int:
        raise MemoryError

    state = State((Entry("a", (40, 1 << 18)),), (Draw("a", Uniform(0, 1)),))
    monkeypatch.setattr(os, "pwrite", broken)
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    with pytest.raises(MemoryError):
        exported(state, needed_of(state), tmp_path / "m.onnx", seed=1)
    assert listing(tmp_path) == set()


def test_what_is_replaced_is_freed_behind_the_last_rename(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To free a large file between the renames takes long enough for a kill to come there."""
    for name in ("m.onnx", "m.onnx.data"):
        (stored.parent / name).write_text("before")
    held: list[list[str]] = []
    replace = os.replace

    def recorded(source: str, target: str) -> None:
        links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
        held.append([os.readlink(link) for link in links if os.path.islink(link)])
        replace(source, target)

    monkeypatch.setattr(os, "replace", recorded)
    exported(STATE, NEEDED, stored.parent / "m.onnx", weights=str(stored), mode="copy")
    assert any(link.endswith("m.onnx.data (deleted)") for link in held[-1])


def test_the_weights_are_never_overwritten(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "m.onnx.data")
    before = (tmp_path / "m.onnx.data").read_bytes()
    with pytest.raises(SpecError) as caught:
        exported(STATE, NEEDED, tmp_path / "m.onnx", weights=str(tmp_path / "m.onnx.data"), mode="copy")
    assert codes(caught.value) == ["E1016"]
    assert (tmp_path / "m.onnx.data").read_bytes() == before


KILLED = """
import sys
from spec_lang.ops.init import Draw, Uniform
from spec_lang.weights import export as weights
from spec_lang.weights.state import Entry, Needed, State
from spec_lang.shapes import DType
shape = (40, 1 << 18)
state = State((Entry("a", shape),), (Draw("a", Uniform(0.0, 1.0)),))
seed = int(sys.argv[2])
print("ready", flush=True)
with weights.export(state, [Needed("a", DType.F32, shape)], sys.argv[1], seed=seed) as job:
    job.commit([str(seed).encode()])
"""


def test_a_killed_run_leaves_what_was_there(tmp_path: Path) -> None:
    """Whenever the process is killed, the model and its data are those of one run, the old or the new."""

    def run(seed: int, delay: float | None) -> None:
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path / "m.onnx"), str(seed)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        if delay is not None:
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
        process.stdout.close()
        process.wait()

    def state() -> tuple[str, bytes]:
        return (tmp_path / "m.onnx").read_text(), (tmp_path / "m.onnx.data").read_bytes()

    run(0, None)
    whole = {"0": state()[1]}
    run(1, None)
    whole["1"] = state()[1]
    assert whole["0"] != whole["1"]
    left = 0
    for i, delay in enumerate((0.02, 0.1, 0.15, 0.2, 0.25, 0.3)):
        before = state()[0]
        run(i % 2, delay)
        now, data = state()
        assert now in (before, str(i % 2))
        assert data == whole[now]
        left += len(listing(tmp_path)) > 2
    assert left, "no run was killed in the middle"
    run(0, None)
    assert listing(tmp_path) == {"m.onnx", "m.onnx.data"}
    assert state()[1] == whole["0"]


# --- Fingerprints ---------------------------------------------------------------------------


@pytest.mark.parametrize("full", [False, True])
def test_weights_that_changed_are_detected(full: bool, stored: Path) -> None:
    _, job = exported(STATE, NEEDED, stored.parent / "m.onnx", weights=str(stored), full_hash=full)
    folder = str(stored.parent)
    assert fingerprint.changed(job.metadata, folder) == ()
    data = bytearray(stored.read_bytes())
    data[-1] ^= 1
    stored.write_bytes(data)
    assert [d.code for d in fingerprint.changed(job.metadata, folder)] == ["E1015"]
    stored.write_bytes(data + b"x")
    assert "bytes then" in fingerprint.changed(job.metadata, folder)[0].message


@pytest.mark.parametrize(
    "metadata", ["{", "[1]", '[{"size": 3}]', "{}", "7", "null", '[{"file": 1, "size": 2}]']
)
def test_a_malformed_fingerprint_is_told(metadata: str, tmp_path: Path) -> None:
    (tmp_path / "1").write_text("x")
    problems = fingerprint.changed({fingerprint.KEY: metadata}, str(tmp_path))
    assert metadata == "{}" or [d.code for d in problems] == ["E1015"]


def test_large_files_are_sampled(tmp_path: Path) -> None:
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.truncate(4 << 30)
    start = time.perf_counter()
    before = fingerprint.fingerprint(str(path))
    assert time.perf_counter() - start < 1
    with path.open("r+b") as file:
        file.seek(2 << 30)
        file.write(b"x" * (5 << 20))
    assert fingerprint.fingerprint(str(path)) != before


# --- Large models ---------------------------------------------------------------------------

LARGE = """
import json, sys
from spec_lang.shapes import DType
from spec_lang.weights import export as weights
from spec_lang.weights.state import Entry, Needed, State
shapes = json.load(open(sys.argv[1]))
state = State(tuple(Entry(k, tuple(s)) for k, s in shapes.items()))
needed = [Needed(k, DType.BF16, tuple(s)) for k, s in shapes.items()]
def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
before = peak()
with weights.export(state, needed, sys.argv[2], weights=sys.argv[3], precision=DType.BF16, mode=sys.argv[4]) as job:
    job.commit([b"x"])
print(peak() - before)
"""


def sparse(folder: Path, shapes: dict[str, list[int]], shards: int) -> Path:
    places = {key: f"m-{i * shards // len(shapes)}.safetensors" for i, key in enumerate(shapes)}
    for shard in set(places.values()):
        header, at = {}, 0
        for key in (k for k, v in places.items() if v == shard):
            end = at + 2 * int(np.prod(shapes[key]))
            header[key] = {"dtype": "BF16", "shape": shapes[key], "data_offsets": [at, end]}
            at = end
        data = json.dumps(header).encode()
        with (folder / shard).open("wb") as file:
            file.write(len(data).to_bytes(8, "little") + data)
            file.truncate(8 + len(data) + at)
    (folder / "m.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    return folder / "m.safetensors.index.json"


@pytest.mark.parametrize(
    ("shapes", "mode", "seconds"),
    [
        ({f"layers.{i}.{n}": [8192, 8192 + n] for i in range(80) for n in range(13)}, "point", 3),
        ({f"layers.{i}": [4096, 4096] for i in range(8)}, "copy", 10),
    ],
    ids=["70 billion parameters in place", "a quarter gigabyte copied"],
)
def test_large_models_take_little_time_and_memory(
    shapes: dict[str, list[int]], mode: str, seconds: float, tmp_path: Path
) -> None:
    index = sparse(tmp_path, shapes, 30)
    (tmp_path / "shapes.json").write_text(json.dumps(shapes))
    start = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-c", LARGE, tmp_path / "shapes.json", tmp_path / "m.onnx", index, mode],
        capture_output=True,
        text=True,
        check=True,
    )
    assert time.perf_counter() - start < seconds
    assert 0 < int(run.stdout) < 24 << 10  # kB


@pytest.mark.parametrize("name", ["m.onnx", "m.onnx.data"])
def test_a_model_never_takes_its_weights_place(name: str, tmp_path: Path) -> None:
    torch.save({k: torch.from_numpy(v) for k, v in TENSORS.items()}, tmp_path / name)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(SpecError) as caught:
        exported(STATE, NEEDED, tmp_path / "m.onnx", weights=str(tmp_path / name))
    assert codes(caught.value) == ["E1016"]
    assert listing(tmp_path) == {name}
    assert (tmp_path / name).read_bytes() == before


def test_a_file_whose_name_is_no_text_is_copied(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"w\xff.safetensors")
    save_file(TENSORS, tmp_path / "w.safetensors")
    os.rename(tmp_path / "w.safetensors", path)
    _, job = exported(STATE, NEEDED, tmp_path / "m.onnx", weights=os.fsdecode(path))
    assert {d.location for d in job.data.values()} == {"m.onnx.data"}
