"""The claims of cGML that are built so far, each a number that must lie beyond a threshold. Thresholds are ours."""

from common.reporting.claims import claim
from common.reporting.measurements import Table

OURS, WITHOUT = "cGML", "cGML (w/o ρ)"


def toy(t: Table, metric: str, model: str = OURS) -> float:
    return t.value(metric=metric, model=model, task="toy")


@claim(experiment="cgml_toy", where="Section 4, Figure 3(b)", below=0.4, text="L1 regression generates the line y = 0")
def l1_gives_zero(t: Table) -> float:
    """The mean output's size; branches reach 4."""
    return abs(toy(t, "y", "L1"))


@claim(
    experiment="cgml_toy", where="Figure 3(e)", above=0.9,
    text="the method's outputs lie on the branches: at least nine tenths are near one",
)  # fmt: skip
def ours_is_near(t: Table) -> float:
    return toy(t, "near_branch")


@claim(
    experiment="cgml_toy",
    where="Figure 3(e)",
    above=0.2,
    text="and both branches are reached, each by a fifth at least",
)
def both_branches(t: Table) -> float:
    return toy(t, "rarer_branch")


@claim(
    experiment="cgml_toy", where="Section 4, Figure 3(c), (e)", above=0.01,
    text="without ρ there is a phantom distribution, which ρ removes: fewer outputs in the middle of the branches",
)  # fmt: skip
def momentum_removes_phantom(t: Table) -> float:
    return toy(t, "phantom_share", WITHOUT) - toy(t, "phantom_share")


@claim(
    experiment="cgml_toy", where="Figure 3(d)", below=1.0, ratio=True,
    text="E[ρ] is lower near the branches than away from them",
)  # fmt: skip
def momentum_is_lower_near(t: Table) -> float:
    return toy(t, "momentum_near") / max(toy(t, "momentum_away"), 1e-9)


@claim(
    experiment="cgml_toy", where="Section 3, Figures 6 and 40", below=0.5, ratio=True,
    text="outputs improve along the steps of inference: the error at the end is less than half of that at the start",
)  # fmt: skip
def steps_help(t: Table) -> float:
    return toy(t, "error") / max(toy(t, "error_at_start"), 1e-9)


@claim(
    experiment="cgml_toy_uncertainty", where="Appendix 2.5, Figure 22", above=1.0, ratio=True,
    text="uncertainty grows away from the training data",
)  # fmt: skip
def uncertainty_grows(t: Table) -> float:
    inside, outside = (t.value(metric=f"variance_{part}", model=OURS) for part in ("inside", "outside"))
    return outside / max(inside, 1e-12)


@claim(
    experiment="cgml_choices", where="Section 2.2, Figure 3; the setting is ours", above=0.01,
    text="with a code of one dimension, off the sphere, the phantom shows without ρ, and ρ removes it",
)  # fmt: skip
def phantom_of_a_scalar_code(t: Table) -> float:
    without, with_it = (t.value(metric="phantom_share", model="a code of 1", rho=rho) for rho in ("no", "yes"))
    return without - with_it


@claim(
    experiment="cgml_choices", where="Section 2.1; the claim is ours", above=0.0,
    text="the Lipschitz penalty helps: more outputs near a branch with it",
)  # fmt: skip
def lipschitz_helps(t: Table) -> float:
    with_it, without = (
        t.value(metric="near_branch", model=arm, rho="yes") for arm in ("as chosen", "no Lipschitz penalty")
    )
    return with_it - without
