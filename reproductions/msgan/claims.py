"""The claims of *Mode Seeking GANs*, each a number that must lie beyond a threshold.

Where LPIPS or FID were not measured, what stands in for them is: a distance of another network's features between
outputs, and a Fréchet distance on another network. Procedural scenes add what they know exactly: how many of a
condition's true outputs are met, and how far outputs are from the nearest. Thresholds are ours wherever the paper gives
none.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

from common.measurements.conditions import values_of
from common.measurements.numbers import DIVERSITY, distance, diversity, diversity_name, ratio
from common.measurements.table import Missing, Table
from common.reporting.claims import Claim, claim

PIXELS = DIVERSITY[-1]  # what the term maximises, so it decides only where nothing else was measured


def diversities(t: Table, model: str, **where: Any) -> dict[str, float]:
    """Of a model: the distance between outputs of a condition and, of scenes, its true outputs that are met."""
    found = {"distance of outputs": diversity(t, model, **where)}
    if t.select(metric="modes_per_input").empty:
        return found
    modes = {"true outputs met": t.value(metric="modes_per_input", model=model, **where)}
    return modes if diversity_name(t.rows["metric"]) == PIXELS else found | modes


def losses_of_quality(t: Table, model: str, **where: Any) -> dict[str, float]:
    """Of a model: its Fréchet distance and, of scenes, the distance of its outputs to the nearest true one, which does
    not depend on how many of them are met.
    """
    found = {"Fréchet distance": distance(t, model, **where)}
    if not t.select(metric="distance_to_truth").empty:
        nearest = t.value(metric="distance_to_truth", model=model, **where)
        found["distance to the nearest true output"] = nearest
    return found


def ratios(ones: Mapping[str, float], others: Mapping[str, float]) -> dict[str, float]:
    return {name: ratio(one, others[name]) for name, one in ones.items()}


def of_pairs(data: str, encoder: str) -> list[Claim]:
    """The claims of Table 3 on one of its sets. ``encoder``: what its last one adds."""
    table_3 = partial(claim, experiment=f"msgan_{data}", where="Table 3")

    def diversities_over(t: Table, model: str, baseline: str) -> dict[str, float]:
        return ratios(diversities(t, model, data=data), diversities(t, baseline, data=data))

    @table_3(above=2.0, ratio=True, text="with the term the outputs of a condition are far more diverse than Pix2Pix's")
    def more_diverse(t: Table) -> dict[str, float]:
        return diversities_over(t, "MSGAN", "Pix2Pix")

    @table_3(above=0.0, text="their bins are nearer to the data's (NDB and JSD)")
    def nearer_bins(t: Table) -> dict[str, float]:
        """The leads as shares of Pix2Pix's."""
        return {
            metric: 1 - ratio(*(t.value(metric=metric, model=model, data=data) for model in ("MSGAN", "Pix2Pix")))
            for metric in ("NDB", "JSD")
        }

    @table_3(below=1.0, ratio=True, text="and they are nearer to the data: no loss of quality")
    def keep_quality(t: Table) -> dict[str, float]:
        return ratios(*(losses_of_quality(t, model, data=data) for model in ("MSGAN", "Pix2Pix")))

    @table_3(
        where="Table 3, Section 4.3.1",
        above=0.9,
        ratio=True,
        text=f"diversity is at least nine tenths of BicycleGAN's{encoder}",
    )
    def like_bicycle(t: Table) -> dict[str, float]:
        """Two that are not diverse are alike too."""
        if min(diversities_over(t, "BicycleGAN", "Pix2Pix").values()) < 2:
            raise Missing("a BicycleGAN that is twice as diverse as Pix2Pix")
        return diversities_over(t, "MSGAN", "BicycleGAN")

    return [more_diverse, nearer_bins, keep_quality, like_bicycle]


facades_more_diverse, facades_nearer_bins, facades_keep_quality, facades_like_bicycle = of_pairs(
    "facades", ", which needs an encoder"
)
maps_more_diverse, maps_nearer_bins, maps_keep_quality, maps_like_bicycle = of_pairs("maps", "")
cifar10 = partial(claim, experiment="msgan_cifar10")


def by_class(t: Table, metric: str, model: str) -> dict[str, float]:
    """Of every class by itself."""
    rows = t.select(metric=metric, model=model)
    rows = rows.assign(name=values_of(rows, "class")).dropna(subset="name")
    if rows.empty or rows["value"].isna().any():
        raise Missing(f"{metric} by class", model)
    return dict(zip(rows["name"], rows["value"], strict=True))


def of_both(t: Table, metric: str) -> tuple[dict[str, float], dict[str, float]]:
    """By class, with the term and without."""
    with_term, without = (by_class(t, metric, model) for model in ("MSGAN", "DCGAN"))
    if with_term.keys() != without.keys():
        raise Missing(f"{metric} of the same classes", "MSGAN and DCGAN")
    return with_term, without


def lead(t: Table, metric: str) -> float:
    """Of the mean over classes under the term, as a share of the baseline's."""
    with_term, without = of_both(t, metric)
    return 1 - ratio(sum(with_term.values()), sum(without[name] for name in with_term))


@cifar10(where="Table 1", above=0.0, text="mode collapse is less severe: over all classes fewer bins differ")
def fewer_bins(t: Table) -> float:
    return lead(t, "NDB")


@cifar10(where="Table 1", above=0.5, share_of=10, text="in most classes their Jensen-Shannon divergence is smaller")
def smaller_js_in_most_classes(t: Table) -> float:
    with_term, without = of_both(t, "JSD")
    return sum(value < without[name] for name, value in with_term.items()) / len(with_term)


def quality_is_kept(experiment: str) -> Claim:
    @claim(
        experiment=experiment,
        where="Table 2",
        below=1.05,
        ratio=True,
        text="while image quality is maintained: the Fréchet distance is at most a twentieth larger",
    )
    def kept(t: Table) -> float:
        return ratio(*(distance(t, model, **{"class": "all"}) for model in ("MSGAN", "DCGAN")))

    return kept


label_quality_is_kept = quality_is_kept("msgan_cifar10")


@claim(
    experiment="msgan_digits",
    where="Table 1",
    above=0.0,
    text="mode collapse is less severe where modes are known: shares of digits are nearer to the data's (NDB and JSD)",
)
def digits_keep_their_shares(t: Table) -> dict[str, float]:
    return {metric: lead(t, metric) for metric in ("NDB", "JSD")}


digit_quality_is_kept = quality_is_kept("msgan_digits")


sweep = partial(claim, experiment="msgan_lambda_sweep")
distances = partial(claim, experiment="msgan_distance_choice", where="Table 7", above=1.0, ratio=True)
overhead = partial(claim, experiment="msgan_overhead", where="Table 8, Appendix D", of="numbers")


@sweep(where="Table 6", above=0.0, text="diversity rises with λ up to 1")
def diversity_rises(t: Table) -> dict[str, float]:
    """Each step of the distance as a share of the distance at λ = 1; of true outputs, of which all may be met before,
    the whole way.
    """
    found = {weight: diversities(t, "MSGAN", lambda_ms=weight) for weight in ("0", "0.1", "0.5", "1")}
    rises = {}
    for name in found["1"]:
        steps = pairwise(found) if name == "distance of outputs" else [("0", "1")]
        for a, b in steps:
            rises[f"{name}, from {a} to {b}"] = ratio(found[b][name] - found[a][name], found["1"][name])
    return rises


@sweep(where="Appendix C.1", above=1.0, ratio=True, text="beyond 1 training becomes unstable: quality is low at λ = 3")
def too_much_hurts(t: Table) -> dict[str, float]:
    return ratios(*(losses_of_quality(t, "MSGAN", lambda_ms=weight) for weight in ("3", "1")))


@sweep(where="Appendix C.1", below=1.0, ratio=True, text="and diversity too")
def too_much_costs_diversity(t: Table) -> dict[str, float]:
    return ratios(*(diversities(t, "MSGAN", lambda_ms=weight) for weight in ("3", "1")))


@distances(text="the L1 distance of pixels gives more diversity than that of features")
def pixels_beat_features(t: Table) -> dict[str, float]:
    features = diversities(t, "MSGAN-FD", distance="discriminator features")
    return ratios(diversities(t, "MSGAN-L1", distance="L1"), features)


@distances(text="which still improves on Pix2Pix's")
def features_beat_nothing(t: Table) -> dict[str, float]:
    features = diversities(t, "MSGAN-FD", distance="discriminator features")
    return ratios(features, diversities(t, "Pix2Pix", distance="none"))


@claim(
    experiment="msgan_bins",
    where="Appendix B",
    above=0.0,
    text="however many bins there are, MSGAN's are nearer to the data's than Pix2Pix's (JSD)",
)
def leads_in_any_bins(t: Table) -> dict[str, float]:
    """The lead as a share of Pix2Pix's, by the number of bins."""
    with_term, without = (t.by("bins", metric="JSD", model=model) for model in ("MSGAN", "Pix2Pix"))
    return {f"{count:g} bins": 1 - ratio(value, without[count]) for count, value in with_term.items()}


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


@overhead(
    exact=True,
    below=1.1,
    ratio=True,
    text="an update takes about as many operations as Pix2Pix's, which draws one code a condition",
)
def few_operations(t: Table) -> float:
    return ratio(*(t.value(metric="operations", model=model) for model in ("MSGAN", "Pix2Pix")))


@overhead(below=1.1, ratio=True, text="and about as long as one of Pix2Pix that draws two codes")
def little_time(t: Table) -> float:
    """Printed is one Pix2Pix, of how many codes is not."""
    measured = not t.select(metric="seconds_per_iteration", model="Pix2Pix, two codes").empty
    return time_ratio(t, "MSGAN", "Pix2Pix, two codes" if measured else "Pix2Pix")


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


TEXT_CODES = ("free", "fixed")  # drawn anew for each output of a text, and once for all of them
texts = partial(claim, experiment="msgan_cub", where="Table 5")


def gain(t: Table, text_codes: str) -> float:
    """How much more diverse the outputs of a text are with the term."""
    return diversity(t, "MSGAN", text_codes=text_codes) - diversity(t, "StackGAN++", text_codes=text_codes)


@texts(above=1.0, ratio=True, text="with the term the outputs of a text are more diverse than StackGAN++'s")
def texts_more_diverse(t: Table) -> dict[str, float]:
    return {
        f"{codes} text codes": ratio(*(diversity(t, model, text_codes=codes) for model in ("MSGAN", "StackGAN++")))
        for codes in TEXT_CODES
    }


@texts(above=0.0, text="the term adds more where text codes are fixed and z alone varies")
def more_is_gained_with_fixed_codes(t: Table) -> float:
    """The difference of the two gains, as a share of StackGAN++'s diversity with free codes."""
    return ratio(gain(t, "fixed") - gain(t, "free"), diversity(t, "StackGAN++", text_codes="free"))


@texts(
    where="Section 4.4, Table 5",
    below=0.5,
    ratio=True,
    weak="V",
    text="z has minor effects on StackGAN++'s outputs: with fixed text codes they are less than half as diverse",
)
def codes_make_the_diversity(t: Table) -> float:
    return ratio(*(diversity(t, "StackGAN++", text_codes=codes) for codes in ("fixed", "free")))


@texts(above=0.0, text="the term brings outputs' bins nearer to the data's (NDB and JSD)")
def texts_nearer_bins(t: Table) -> dict[str, float]:
    """The leads as shares of StackGAN++'s."""

    def lead(metric: str, codes: str) -> float:
        cells = (t.value(metric=metric, model=model, text_codes=codes) for model in ("MSGAN", "StackGAN++"))
        return 1 - ratio(*cells)

    return {f"{metric}, {codes} text codes": lead(metric, codes) for codes in TEXT_CODES for metric in ("NDB", "JSD")}


@texts(
    where="Section 4.4, Table 5",
    below=1.05,
    ratio=True,
    text="while visual quality is maintained: the Fréchet distance is at most a twentieth larger",
)
def text_quality_is_kept(t: Table) -> dict[str, float]:
    return {
        f"{codes} text codes": ratio(*(distance(t, model, text_codes=codes) for model in ("MSGAN", "StackGAN++")))
        for codes in TEXT_CODES
    }


@texts(
    where="Figure 7; counted styles are ours",
    whose="ours",
    above=0.0,
    text="with fixed text codes, z finds more of the four styles of a text with the term",
)
def more_styles_of_a_text(t: Table) -> float:
    found = (t.value(metric="styles_per_text", model=model, text_codes="fixed") for model in ("MSGAN", "StackGAN++"))
    with_the_term, without = found
    return with_the_term - without


def of_domains(name: str, directions: tuple[str, str], more: float, more_s: str) -> list[Claim]:
    """The claims of Table 4 on one of its sets, each of both ``directions``. ``more``: the least gain in diversity;
    ``more_s``: what the claim of it says.
    """
    table_4 = partial(claim, experiment=f"msgan_{name}", where="Table 4, Section 4.3.2")

    def over_drit(value: Callable[[str, str], float]) -> dict[str, float]:
        """By direction MSGAN's value as a multiple of DRIT's."""
        return {way: ratio(value("MSGAN", way), value("DRIT", way)) for way in directions}

    @table_4(above=more, ratio=True, weak="M", text=more_s)
    def more_diverse(t: Table) -> dict[str, float]:
        return over_drit(lambda model, way: diversity(t, model, direction=way))

    @table_4(above=0.0, text="the bins of outputs are nearer to the data's (NDB and JSD)")
    def nearer_bins(t: Table) -> dict[str, float]:
        """The leads as shares of DRIT's."""
        leads = {}
        for metric in ("NDB", "JSD"):
            found = over_drit(lambda model, way, metric=metric: t.value(metric=metric, model=model, direction=way))
            leads |= {f"{metric}, {way}": 1 - share for way, share in found.items()}
        return leads

    @table_4(below=1.0, ratio=True, text="and their Fréchet distance is smaller: no loss of quality")
    def keep_quality(t: Table) -> dict[str, float]:
        return over_drit(lambda model, way: distance(t, model, direction=way))

    return [more_diverse, nearer_bins, keep_quality]


YOSEMITE = ("summer_to_winter", "winter_to_summer")
yosemite_more_diverse, yosemite_nearer_bins, yosemite_keep_quality = of_domains(
    "yosemite", YOSEMITE, 1.0, "with the term the outputs of a picture are more diverse than DRIT's, either way"
)
cat_dog_more_diverse, cat_dog_nearer_bins, cat_dog_keep_quality = of_domains(
    "cat_dog", ("cat_to_dog", "dog_to_cat"), 1.1, "where shapes change, diversity gains substantially, either way"
)
true_outputs = partial(claim, experiment="msgan_yosemite", where="Section 3.2; the claim is ours", whose="ours")


@true_outputs(above=0.0, text="of the two true outputs of a picture more are reached with the term than by DRIT")
def yosemite_more_modes(t: Table) -> dict[str, float]:
    def modes(model: str, way: str) -> float:
        return t.value(metric="modes_per_input", model=model, direction=way)

    return {way: modes("MSGAN", way) - modes("DRIT", way) for way in YOSEMITE}


@true_outputs(below=1.05, ratio=True, text="at most a twentieth further from the nearest of them")
def yosemite_near_truth(t: Table) -> dict[str, float]:
    def apart(model: str, way: str) -> float:
        return t.value(metric="distance_to_truth", model=model, direction=way)

    return {way: apart("MSGAN", way) / apart("DRIT", way) for way in YOSEMITE}
