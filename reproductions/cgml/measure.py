"""What each experiment of cGML measures."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from common.measuring import Measuring, Run
from common.metrics.protocol import protocol
from common.training.launch import build_method
from common.training.loop import load_snapshot

LOW, HIGH = 0.3, 1.0  # where the branches are far enough apart to tell them
NEAR = 0.25  # of a branch's own size: closer than this an output belongs to it
WITHOUT = "cGML (w/o ρ)"


def branch(x: Tensor) -> Tensor:
    """4 (x, x², x³) of x (n, 1); the other branch is its negative."""
    return 4 * torch.cat([x, x**2, x**3], dim=1)


def loaded(m: Measuring, run: Run) -> Any:
    data = m.data(run.settings)
    method = build_method(run.settings, data.shape, torch.device("cpu"))
    load_snapshot(run.folder, run.record["snapshots"][-1], method)
    return method


def relative_distances(x: Tensor, y: Tensor) -> Tensor:
    """To the upper and lower branch, each over its size: (2, n)."""
    target = branch(x)
    return torch.stack([(y - target).norm(dim=1), (y + target).norm(dim=1)]) / target.norm(dim=1)


def _walks(m: Measuring, run: Run, method: Any) -> tuple[Tensor, dict[str, list[tuple[Tensor, Tensor, Tensor]]]]:
    """Inference from the same random codes with and without ρ, at evenly spaced x."""
    s = run.settings
    x = torch.linspace(LOW, HIGH, s["positions"]).repeat_interleave(s["starts"])[:, None]
    torch.manual_seed(1000 + run.seed)
    z = method.codes(len(x))
    return x, {model: method.walk(x, z, momentum=model == run.arm) for model in (run.arm, WITHOUT)}


def _outcome(x: Tensor, y: Tensor) -> dict[str, float]:
    """Where outputs lie."""
    distances = relative_distances(x, y)
    nearest, which = distances.min(dim=0)
    near = nearest < NEAR
    upper = float((near & (which == 0)).float().mean())
    middle = y.norm(dim=1) < NEAR * branch(x).norm(dim=1)  # where two opposite pulls cancel
    return {
        "near_branch": float(near.float().mean()),
        "phantom_share": float(middle.float().mean()),
        "rarer_branch": min(upper, float(near.float().mean()) - upper),
        "error": float(nearest.mean()),
    }


BETTER = {"near_branch": "higher", "phantom_share": "lower", "rarer_branch": "higher", "error": "lower"}


def cgml_toy(m: Measuring) -> None:
    """Figure 3: both branches, phantom outputs, E[ρ] near the branches and away from them."""
    for run in m.runs:
        method, s = loaded(m, run), run.settings
        text = {
            "x": f"{s['positions']} from {LOW:g} to {HIGH:g}",
            "starts": s["starts"],
            "near": f"{NEAR:g} of the branch",
        }

        def add(metric: str, value: float, model: str, better: str = "", run=run, text=text, **more: Any) -> None:
            m.add(model=model, seed=run.seed, dataset="cubic branches", metric=metric, value=value, better=better,
                  protocol=protocol(metric, **text, **more), note=run.note, task="toy")  # fmt: skip

        if run.arm == "L1":
            x = torch.linspace(LOW, HIGH, s["positions"])[:, None]
            y = method.predict(x)
            for metric, value in _outcome(x, y).items():
                add(metric, value, "L1", BETTER[metric])
            add("y", float(y.mean()), "L1", of="mean output of all coordinates")
            if run.seed == m.seeds[0]:
                m.sheet("outputs|L1", torch.cat([x, y], dim=1).numpy())
            continue
        x, walks = _walks(m, run, method)
        for model, walk in walks.items():
            for metric, value in _outcome(x, walk[-1][1]).items():
                add(metric, value, model, BETTER[metric], steps=s["inner_steps"])
            add("error_at_start", _outcome(x, walk[0][1])["error"], model, steps=0)
            steps = np.arange(len(walk))
            for metric in ("error", "phantom_share"):
                values = np.array([_outcome(x, y)[metric] for _, y, _ in walk])
                m.curve(model=model, seed=run.seed, name=metric, steps=steps, values=values)
            if run.seed == m.seeds[0]:
                m.sheet(f"outputs|{model}", torch.cat([x, walk[-1][1]], dim=1).numpy()[:: max(len(x) // 2000, 1)])
        outputs, momenta = (torch.cat([step[k] for step in walks[run.arm]]) for k in (1, 2))
        xs = x.repeat(len(walks[run.arm]), 1)
        near = relative_distances(xs, outputs).min(dim=0).values < NEAR
        for metric, chosen in (("momentum_near", near), ("momentum_away", ~near)):
            value = float(momenta[chosen].mean()) if chosen.any() else float("nan")
            add(metric, value, run.arm, of="mean of E[rho] over all steps")
        if run.seed == m.seeds[0]:
            m.sheet("momentum", torch.cat([xs, outputs[:, :1], momenta], dim=1).numpy()[:: max(len(xs) // 8000, 1)])


def cgml_choices(m: Measuring) -> None:
    """What becomes of the outputs under each choice, with ρ and without."""
    for run in m.runs:
        method, s = loaded(m, run), run.settings
        x, walks = _walks(m, run, method)
        for (_, walk), with_rho in zip(walks.items(), ("yes", "no"), strict=True):
            text = {
                "x": f"{s['positions']} from {LOW:g} to {HIGH:g}",
                "starts": s["starts"],
                "near": f"{NEAR:g} of the branch",
            }
            for metric, value in _outcome(x, walk[-1][1]).items():
                m.add(model=run.arm, seed=run.seed, dataset="cubic branches", metric=metric, value=value,
                      better=BETTER[metric], protocol=protocol(metric, **text), note=run.note,
                      rho=with_rho)  # fmt: skip


def cgml_toy_uncertainty(m: Measuring) -> None:
    """Figure 22: variance of outputs under noise on the codes where inference ends, over x."""
    draws = 50
    for run in m.runs:
        method, s = loaded(m, run), run.settings
        positions = torch.linspace(0, 1.5, s["positions"])
        x = positions.repeat_interleave(s["starts"])[:, None]
        torch.manual_seed(1000 + run.seed)
        z = method.walk(x, method.codes(len(x)), momentum=True)[-1][0]
        with torch.no_grad():
            h = method.h(x)
            outputs = torch.stack([method.g(h, z + s["noise_on_codes"] * torch.randn_like(z)) for _ in range(draws)])
        variance = outputs.var(dim=0).mean(dim=1).reshape(len(positions), -1).mean(dim=1)
        text = {"noise": s["noise_on_codes"], "draws": draws, "starts": s["starts"]}
        for metric, low, high in (("variance_inside", 0.0, 0.5), ("variance_outside", 1.0, 1.5)):
            value = float(variance[(positions >= low) & (positions <= high)].mean())
            what = protocol(metric, of=f"x from {low:g} to {high:g}", **text)
            m.add(model=run.arm, seed=run.seed, dataset="cubic branches", metric=metric, value=value, protocol=what,
                  note=run.note)  # fmt: skip
        m.curve(model=run.arm, seed=run.seed, name="variance", steps=positions.numpy(), values=variance.numpy())
