"""`python -m tests.fuzz.lists --count 2000 --seed 0 --show wrong`: what becomes of random programs over lists of layers."""

from __future__ import annotations

import argparse
import time
from random import Random

from tests.fuzz.lists.report import Report, examine, listed


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.lists", description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", choices=("wrong", "refused", "narrow", "defaults", "none"), default="none")
    parser.add_argument(
        "--limit", type=int, default=12, help="of kinds that are shown, each with its smallest program"
    )
    parser.add_argument(
        "--onnx", type=float, default=0.3, help="share of accepted programs that are exported"
    )
    args = parser.parse_args()
    began = time.monotonic()
    report = Report()
    for seed in range(args.seed, args.seed + args.count):
        examine(seed, report, onnx=Random(seed).random() < args.onnx)
    print(report.table())
    print(f"{args.count} programs in {time.monotonic() - began:.0f} s")
    if args.show != "none":
        print(listed(report, args.show, args.limit))


if __name__ == "__main__":
    main()
