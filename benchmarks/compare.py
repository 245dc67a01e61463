"""Two ways to run the same updates, in turn: ``python benchmarks/compare.py --b LD_PRELOAD=libtcmalloc_minimal.so.4``.

Each way is a process: a tree of the suite's files (``--tree-a``, ``--tree-b``; this one, unless given), variables of
its environment (``--a``, ``--b``) and settings (``--set-b precision=bfloat16``). They are asked A, B, A, B …, so what
the machine does besides falls on both. Seconds are CPU time. Prints the gain of B over A: median and quartiles of the
pairs' ratios, and the ratio of the least times.
"""

import argparse
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from statistics import geometric_mean, median, quantiles
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
# Networks as the scales that everybody runs have them: where most users' time goes.
SMALL = [
    ("wgan_lsun_curves", "WGAN · DCGAN", "night"),
    ("wgan_lsun_curves", "WGAN · DCGAN", "quick"),
    ("wgan_two_gaussians", "WGAN critic", "quick"),
    ("wgan_gp_architecture_sweep", "WGAN-GP", "quick"),
    ("wgan_gp_cifar_resnet", "WGANGP ResNet (ours), unsupervised", "quick"),
    ("wgan_gp_language_model", "WGAN-GP", "quick"),
    ("wgan_gp_toy_critics", "8 Gaussians · penalty 10", "quick"),
    ("msgan_facades", "MSGAN", "quick"),
    ("mrgan_celeba_inpainting", "Gaussian proxy MR2", "quick"),
    ("biggan_truncation", "BigGAN", "quick"),
    ("biggan_truncation", "BigGAN-deep", "quick"),
    ("tgan_ucf101", "TGAN (SVC)", "quick"),
    ("mocogan_shapes_acd", "MoCoGAN", "quick"),
    ("cgml_toy", "cGML", "quick"),
    ("cgml_image_completion", "cGML", "quick"),
]


class Way:
    """A process that times updates when it is asked."""

    def __init__(self, tree: Path, variables: list[str], settings: dict[str, Any]):
        self.settings = settings
        environment = os.environ | dict(pair.split("=", 1) for pair in variables)
        environment |= {"PYTHONPATH": str(tree), "BENCH_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        command = [sys.executable, str(HERE / "timing.py")]
        self.process = subprocess.Popen(command, cwd=tree, env=environment, **pipes)

    def ask(self, experiment: str, arm: str, scale: str, blocks: int) -> list[float]:
        asked = {"experiment": experiment, "arm": arm, "scale": scale, "changes": self.settings, "blocks": blocks}
        print(json.dumps(asked), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{experiment} · {arm}: the process ended with {self.process.wait()}; see above")
        return json.loads(answer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for way in "ab":
        parser.add_argument(f"--tree-{way}", type=Path, default=HERE.parent)
        parser.add_argument(f"--{way}", nargs="*", default=[], metavar="NAME=VALUE", help="variables")
        parser.add_argument(f"--set-{way}", nargs="*", default=[], metavar="KEY=VALUE", help="settings")
    parser.add_argument("--only", nargs="*", default=[], help="words of the experiments' names")
    parser.add_argument("--case", nargs=3, action="append", metavar=("EXPERIMENT", "ARM", "SCALE"))
    parser.add_argument("--seconds", type=float, default=8, help="for each network, both ways together")
    given = parser.parse_args()
    ways = [
        Way(getattr(given, f"tree_{way}"), getattr(given, way), _settings(getattr(given, f"set_{way}"))) for way in "ab"
    ]
    gains = []
    for case in given.case or SMALL:
        if given.only and not any(word in case[0] for word in given.only):
            continue
        first = [way.ask(*case, blocks=1)[0] for way in ways]
        blocks = max(1, round(0.1 / max(first)))  # of a tenth of a second
        pairs = min(40, max(4, math.ceil(given.seconds / (sum(first) * blocks * 5))))
        times = [[min(way.ask(*case, blocks=blocks)) for way in ways] for _ in range(pairs)]
        least = [min(column) for column in zip(*times, strict=True)]
        ratios = [a / b for a, b in times]
        low, _, high = quantiles(ratios, n=4)
        gains.append(median(ratios))
        print(
            f"{case[0]:28} {case[1]:38} {case[2]:6} A {least[0] * 1e3:9.2f} ms  B {least[1] * 1e3:9.2f} ms  "
            f"gain {gains[-1]:.3f} ({low:.3f} to {high:.3f}, {pairs} pairs)  of the least {least[0] / least[1]:.3f}",
            flush=True,
        )
    print(f"geometric mean of {len(gains)}: {geometric_mean(gains):.3f}")


def _settings(pairs: list[str]) -> dict[str, Any]:
    return {key: yaml.safe_load(value) for key, value in (pair.split("=", 1) for pair in pairs)}


if __name__ == "__main__":
    main()
