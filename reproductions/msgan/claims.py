"""The claims of *Mode Seeking GANs*, each a number that must lie beyond a threshold.

Where LPIPS or FID were not measured, what stands in for them is: a distance of pixels or of another network's features
between outputs, and a Fréchet distance on another network. Thresholds are ours wherever the paper gives none.
"""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise

from common.measurements.conditions import values_of
from common.measurements.numbers import distance, distance_name, diversity, diversity_name, ratio
from common.measurements.table import Curve, Missing, Table
from common.reporting.claims import Claim, claim


def of_pairs(data: str, like_bicycle_s: str) -> list[Claim]:
    """The claims of Table 3 on one of its sets. ``like_bicycle_s``: what the last one says."""
    table_3 = partial(claim, experiment=f"msgan_{data}", where="Table 3")

    def diversity_over(t: Table, baseline: str) -> float:
        return ratio(diversity(t, "MSGAN", data=data), diversity(t, baseline, data=data))

    @table_3(
        above=2.0,
        ratio=True,
        weak="M",
        text="with the term the outputs of a condition are far more diverse than Pix2Pix's",
    )
    def more_diverse(t: Table) -> float:
        return diversity_over(t, "Pix2Pix")

    @table_3(above=0.0, text="their bins are nearer to the data's (NDB and JSD)")
    def nearer_bins(t: Table) -> dict[str, float]:
        """The leads as shares of Pix2Pix's."""
        return {
            metric: 1 - ratio(*(t.value(metric=metric, model=model, data=data) for model in ("MSGAN", "Pix2Pix")))
            for metric in ("NDB", "JSD")
        }

    @table_3(below=1.0, ratio=True, text="and their Fréchet distance is smaller: no loss of quality")
    def keep_quality(t: Table) -> float:
        return ratio(distance(t, "MSGAN", data=data), distance(t, "Pix2Pix", data=data))

    @table_3(where="Table 3, Section 4.3.1", above=0.9, ratio=True, weak="M", text=like_bicycle_s)
    def like_bicycle(t: Table) -> float:
        return diversity_over(t, "BicycleGAN")

    return [more_diverse, nearer_bins, keep_quality, like_bicycle]


facades_more_diverse, facades_nearer_bins, facades_keep_quality, facades_like_bicycle = of_pairs(
    "facades", "diversity is comparable to BicycleGAN's, which needs an encoder"
)
maps_more_diverse, maps_nearer_bins, maps_keep_quality, maps_like_bicycle = of_pairs(
    "maps", "diversity is comparable to BicycleGAN's"
)
cifar10 = partial(claim, experiment="msgan_cifar10")
in_most_classes = partial(cifar10, where="Table 1", above=0.5, share_of=10)


def classes_won(t: Table, metric: str) -> float:
    """Share of classes with a smaller value under MSGAN."""
    classes = values_of(t.select(metric=metric, model="MSGAN"), "class").dropna()
    if classes.empty:
        raise Missing(f"{metric} by class", "MSGAN")

    def of(model: str, name: str) -> float:
        return t.value(metric=metric, model=model, **{"class": name})

    return sum(of("MSGAN", name) < of("DCGAN", name) for name in classes) / len(classes)


@in_most_classes(weak="P", text="mode collapse is less severe in most classes: fewer bins differ")
def fewer_bins_in_most_classes(t: Table) -> float:
    return classes_won(t, "NDB")


@in_most_classes(text="and their Jensen-Shannon divergence is smaller")
def smaller_js_in_most_classes(t: Table) -> float:
    return classes_won(t, "JSD")


@cifar10(
    where="Table 2",
    below=1.05,
    ratio=True,
    text="while image quality is maintained: the Fréchet distance is at most a twentieth larger",
)
def label_quality_is_kept(t: Table) -> float:
    return ratio(distance(t, "MSGAN", **{"class": "all"}), distance(t, "DCGAN", **{"class": "all"}))


sweep = partial(claim, experiment="msgan_lambda_sweep")
distances = partial(claim, experiment="msgan_distance_choice", where="Table 7", above=1.0, ratio=True, weak="M")
overhead = partial(claim, experiment="msgan_overhead", where="Table 8, Appendix D", of="numbers")


def curve(t: Table, name: Callable[[Iterable[str]], str | None]) -> Curve:
    """Of MSGAN over λ, of the metric that ``name`` finds."""
    return t.by("lambda_ms", metric=name(t.rows["metric"]) or "", model="MSGAN")


@sweep(where="Table 6", above=0.0, weak="M", text="diversity rises with λ up to 1")
def diversity_rises(t: Table) -> dict[str, float]:
    """Each step as a share of the diversity at λ = 1."""
    found = curve(t, diversity_name)
    steps = pairwise((0.0, 0.1, 0.5, 1.0))
    return {f"from {a:g} to {b:g}": ratio(found[b] - found[a], found[1.0]) for a, b in steps}


@sweep(where="Appendix C.1", above=1.0, ratio=True, text="beyond 1 training becomes unstable: quality is low at λ = 3")
def too_much_hurts(t: Table) -> float:
    found = curve(t, distance_name)
    return ratio(found[3.0], found[1.0])


@sweep(where="Appendix C.1", below=1.0, ratio=True, weak="M", text="and diversity too")
def too_much_costs_diversity(t: Table) -> float:
    found = curve(t, diversity_name)
    return ratio(found[3.0], found[1.0])


@distances(text="the L1 distance of pixels gives more diversity than that of features")
def pixels_beat_features(t: Table) -> float:
    return ratio(diversity(t, "MSGAN-L1", distance="L1"), diversity(t, "MSGAN-FD", distance="discriminator features"))


@distances(text="which still improves on Pix2Pix's")
def features_beat_nothing(t: Table) -> float:
    return ratio(diversity(t, "MSGAN-FD", distance="discriminator features"), diversity(t, "Pix2Pix", distance="none"))


@overhead(
    where="Table 8",
    exact=True,
    below=0.0005,
    bar_of="paper",
    text="the term adds no parameters, and models have 58.254 and 64.303 million",
)
def parameters_are_the_printed_ones(t: Table) -> float:
    """The largest difference from the printed numbers, in millions."""
    printed = {"Pix2Pix": 58.254, "MSGAN": 58.254, "BicycleGAN": 64.303}
    return max(abs(t.value(metric="parameters", model=model) - number) for model, number in printed.items())


def time_ratio(t: Table, *models: str) -> float:
    one, other = (t.value(metric="seconds_per_iteration", model=model) for model in models)
    return one / other


@overhead(below=1.1, ratio=True, weak="P", text="an update takes about as long as Pix2Pix's")
def little_time(t: Table) -> float:
    return time_ratio(t, "MSGAN", "Pix2Pix")


@overhead(above=1.0, ratio=True, text="BicycleGAN's takes longer than MSGAN's")
def bicycle_takes_longer(t: Table) -> float:
    return time_ratio(t, "BicycleGAN", "MSGAN")


@claim(
    experiment="msgan_interpolation",
    where="Figure 8",
    below=0.35,
    weak="O",
    text="between two codes the output changes gradually: no step takes more than 35 % of the way",
)
def gradual(t: Table) -> float:
    """An output that stays where it is takes no large step either."""
    way, baseline = (t.value(metric="way", model=model) for model in ("MSGAN", "Pix2Pix"))
    if way <= baseline:
        raise Missing("outputs that go further between two codes than Pix2Pix's")
    return t.value(metric="largest_step", model="MSGAN")
