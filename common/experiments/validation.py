"""Checks of every declaration before anything starts, so that settings cannot lie."""

from collections.abc import Iterator, Mapping
from typing import Any

from common.base.errors import UserError, did_you_mean
from common.data.registry import registry
from common.experiments.papers import SCALES, Experiment, Paper, all_experiments, experiment, papers, slug
from common.experiments.settings import kind, misfit


def check_declarations(config: Mapping[str, Any]) -> None:
    """Read every declaration once, so that a wrong one is told before anything starts.

    Raises UserError with the file, the place and a mend.
    """
    counted = config.get("seeds") if isinstance(config.get("seeds"), Mapping) else {}
    for name in (*(config.get("settings") or {}), *(counted or {})):
        experiment(name)
    for name in config.get("local") or {}:
        if name not in registry():
            known = did_you_mean(name, registry())
            raise UserError(f"the configuration, at local: there is no data set {name!r}{known}")
    for paper in papers().values():
        check_measuring(paper)
        check_facts(paper)
    for one in all_experiments():
        check_experiment(one, config)


def check_experiment(one: Experiment, config: Mapping[str, Any]) -> None:
    """One experiment at the scale of ``config``; what is declared for the others counts too, where that is cheap."""
    place = f"reproductions/{one.paper}/experiments.yaml, at experiments.{one.name}"
    _check_scales(one, place)
    _check_arms(one, place)
    _check_values(one, place)
    _check_not_stated(one, place)
    _check_lost(one, place)
    if not one.own_arms:  # it is measured with settings of its own nevertheless
        one.settings_without_arm(config["scale"], config)
        _check_lent(one, config)
    _check_trainings(one, config, place)
    _check_stages(one, config, place)
    _check_gate(one, place)
    for arm in one.own_arms:
        _check_clips(f"{one.name}, arm {arm!r}", one.settings(arm, config["scale"], config))


def _check_scales(one: Experiment, place: str) -> None:
    count = "rows" if "sweep" in one.declared else "seeds"
    for scale in SCALES:
        if count not in one.declared["scales"].get(scale, {}):
            raise UserError(f"{place}.scales.{scale}: it does not say how many {count}; add {count}: 3, say")


def _check_arms(one: Experiment, place: str) -> None:
    """File names are distinct, borrowed arms exist, what an arm drops or multiplies is there."""
    named: dict[str, str] = {}
    published = one.declared["published"]
    for arm in one.arms:
        if (other := named.setdefault(slug(arm), arm)) != arm:
            raise UserError(f"{place}.arms: {other!r} and {arm!r} are one file name, {slug(arm)!r}; rename one of them")
        origin = one.training_of(arm)
        if arm not in origin.arms:
            raise UserError(f"{place}.arms: {origin.name} has no arm {arm!r}{did_you_mean(arm, origin.arms)}")
        declared = one.declared["arms"][arm]
        for key in (*declared.get("without", ()), *declared.get("times", ())):
            if key not in published:
                raise UserError(f"{place}.arms.{arm}: the experiment has no {key!r}{did_you_mean(key, published)}")
        for key in {*declared.get("without", ()), *declared.get("times", ())} & set(declared.get("published", ())):
            raise UserError(f"{place}.arms.{arm}: {key!r} is both replaced and dropped or multiplied; do one")
        for key in declared.get("times", ()):
            if kind(published[key]) != "number":
                raise UserError(f"{place}.arms.{arm}.times.{key}: {published[key]!r} cannot be multiplied")


def _stated(one: Experiment) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Every place that changes settings: where, what it says, what is published there."""
    own = one.declared["published"]
    for scale in SCALES:
        yield f"scales.{scale}.settings", one.declared["scales"][scale].get("settings", {}), own
    for arm in one.own_arms:
        declared = one.declared["arms"][arm]
        yield f"arms.{arm}.published", declared.get("published", {}), own
        for scale, settings in declared.get("scales", {}).items():
            yield f"arms.{arm}.scales.{scale}", settings, one.published(arm)


def _check_values(one: Experiment, place: str) -> None:
    for where, settings, published in _stated(one):
        for key in settings.keys() & published.keys():
            if problem := misfit(settings[key], published[key], published[key]):
                raise UserError(f"{place}.{where}.{key}: {problem}")


def _check_not_stated(one: Experiment, place: str) -> None:
    settings = {*one.declared["published"], *(key for _, stated, _ in _stated(one) for key in stated)}
    settings |= set(one.sweep_row(0) if "sweep" in one.declared else ())
    for key in one.not_stated:
        if key not in settings:
            raise UserError(f"{place}.not_stated: {key!r} is no setting of it{did_you_mean(key, settings)}")


def _check_lost(one: Experiment, place: str) -> None:
    """No scale sets what every arm sets for itself; what it takes over from another experiment may be of no use."""
    paper = papers().get(one.paper)
    written = paper.declared["experiments"].get(one.name, one.declared) if paper else one.declared
    for scale, declared in written.get("scales", {}).items():
        arms = [one.declared["arms"][arm] for arm in one.own_arms_at(scale)]
        own = [
            {*arm.get("published", ()), *arm.get("without", ()), *arm.get("scales", {}).get(scale, ())} for arm in arms
        ]
        for key in declared.get("settings", ()):
            if own and all(key in keys for keys in own):
                told = f"{place}.scales.{scale}.settings.{key}: every arm sets its own, so this is lost"
                raise UserError(f"{told}; leave it out, or say it under the arms' scales")


def _check_lent(one: Experiment, config: Mapping[str, Any]) -> None:
    """The configuration does not change for an experiment what only another one's arms are trained with."""
    overrides = (config.get("settings") or {}).get(one.name, {})
    for arm in one.arms:
        origin = one.training_of(arm)
        for key in set(overrides) & set(origin.settings(arm, config["scale"])):
            told = (
                f"the configuration, at settings.{one.name}.{key}: its arms are trained and judged as {origin.name}'s"
            )
            raise UserError(f"{told}; set it at settings.{origin.name}")


def _check_trainings(one: Experiment, config: Mapping[str, Any], place: str) -> None:
    """No two arms are one training; what is only measured makes no other arm."""
    trained: dict[str, str] = {}
    for arm in one.arms_at(config["scale"]):
        origin = one.training_of(arm)
        settings = origin.trained_with(origin.settings(arm, config["scale"], config))
        same = trained.setdefault(repr(sorted(settings.items())), arm)
        if same != arm:
            raise UserError(
                f"{place}.arms: {same!r} and {arm!r} are the same training at scale {config['scale']}; let one arm say "
                f"under its scales how it differs there, or the configuration leave alone what tells them apart"
            )


def _check_stages(one: Experiment, config: Mapping[str, Any], place: str) -> None:
    """What an arm starts from is another experiment's own arm with a training of each of its seeds, and no training
    starts from itself by detours.
    """
    for arm in one.own_arms:
        start = one.starts_from(arm)
        while start is not None and start.experiment:
            if start.experiment == one.name:
                raise UserError(f"{place}.arms.{arm}.starts_from: a stage is an experiment of its own, not {one.name}")
            source = experiment(start.experiment)
            if start.arm not in source.own_arms:
                known = did_you_mean(start.arm, source.own_arms)
                raise UserError(f"{place}.arms.{arm}.starts_from: {source.name} trains no arm {start.arm!r}{known}")
            have, need = (dict.fromkeys(each.seeds(config["scale"], config)) for each in (source, one))
            if not need.keys() <= have.keys():
                told = f"at scale {config['scale']} {one.name} has {len(need)} seeds and starts from {source.name}'s"
                raise UserError(f"{place}.arms.{arm}.starts_from: {told}, which has {len(have)}; give it as many")
            start = source.starts_from(start.arm)


def _check_gate(one: Experiment, place: str) -> None:
    for arm in one.gate_arms:
        if one.arms and arm not in one.arms:
            raise UserError(f"{place}.gate: it has no arm {arm!r}{did_you_mean(arm, one.arms)}")


def _check_clips(who: str, settings: Mapping[str, Any]) -> None:
    span = (settings.get("frames", 1) - 1) * settings.get("stride", 1) + 1
    if span > settings.get("shortest_video", span):
        told = f"clips of {settings['frames']} frames, {settings['stride']} apart, need videos of {span}"
        raise UserError(f"{who}: {told}; shortest_video is {settings['shortest_video']}")


def check_measuring(paper: Paper) -> None:
    """What a paper declares as measured only, some experiment has."""
    used = {key for one in paper.experiments.values() for key in one.declared["published"]}
    used |= {key for one in paper.experiments.values() for _, settings, _ in _stated(one) for key in settings}
    for key in paper.declared.get("measuring", ()):
        if key not in used:
            raise UserError(f"{paper.place}, at measuring: no experiment has {key!r}{did_you_mean(key, used)}")


def check_facts(paper: Paper) -> None:
    """Where the paper's text prints a hyper-parameter, that is what is declared as published.

    A fact of no experiment is one of all that have the setting, do not call it not stated and have none of their own.
    """
    place = f"reproductions/{paper.name}/facts.csv"
    named = {(fact["experiment"], fact["setting"]) for fact in paper.facts}
    for fact in paper.facts:
        name, arm, setting = fact["experiment"], fact["arm"] or None, fact["setting"]
        if name and name not in paper.experiments:
            raise UserError(f"{place}: there is no experiment {name!r}{did_you_mean(name, paper.experiments)}")
        if arm and arm not in paper.experiments[name].arms:
            raise UserError(f"{place}: {name} has no arm {arm!r}{did_you_mean(arm, paper.experiments[name].arms)}")
        checked = [paper.experiments[name]] if name else []
        for one in () if name else paper.experiments.values():
            if setting in one.declared["published"].keys() - one.not_stated and (one.name, setting) not in named:
                checked.append(one)
        if not checked or any(setting not in one.published(arm) for one in checked):
            told = f"{setting!r} ({fact['source']})"
            raise UserError(f"{place}: {told} is a setting of no experiment, or not of {name!r}")
        for one in checked:
            if (published := one.published(arm)[setting]) != fact["value"]:
                raise UserError(
                    f"{paper.place}, at experiments.{one.name}: published {setting} is {published!r}, but the "
                    f"paper prints {fact['value']!r} ({fact['source']}); what we run otherwise belongs under "
                    f"scales.paper.settings"
                )
