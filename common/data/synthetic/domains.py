"""Two domains of procedural scenes without pairs: the pictures of each have layouts of their own."""

from dataclasses import dataclass

import numpy as np

from common.data.kinds.domains import NAMES, OTHER
from common.data.synthetic.scenes import SCENES, STYLES, Scene

DRAWN = {"train": 400, "test": 100}  # of a domain, unless another number is asked for


@dataclass(frozen=True)
class Domain:
    """Pictures of a scene in one of some ``styles``, all equally likely whatever the layout."""

    scene: Scene
    styles: tuple[int, ...]

    def draw(self, count: int, size: int, seed: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Layouts (count, size, size) and their pictures (count, size, size, 3), uint8."""
        rng = np.random.default_rng(seed)
        styles = rng.permutation(np.resize(self.styles, count))
        layouts = np.stack([self.scene.layout(rng, size) for _ in range(count)])
        return layouts, np.stack([self.scene.render(*each) for each in zip(layouts, styles, strict=True)])


@dataclass(frozen=True)
class Domains:
    """``a`` and ``b``. Where they show one scene, a picture's true outputs are its layout in the other's styles."""

    a: Domain
    b: Domain

    def _draw(self, name: str, split: str, count: int | None, size: int) -> tuple[np.ndarray, np.ndarray]:
        domain: Domain = getattr(self, name)
        return domain.draw(count or DRAWN[split], size, [list(DRAWN).index(split), NAMES.index(name)])

    def pictures(self, name: str, split: str, count: int | None, size: int) -> np.ndarray:
        """``count`` pictures of the domain ``name`` (count, size, size, 3) uint8."""
        return self._draw(name, split, count, size)[1]

    def true_outputs(self, name: str, split: str, count: int | None, size: int) -> np.ndarray | None:
        """Of each of these pictures all that it may be in the other domain, (count, styles, size, size, 3) uint8; None
        where the domains show different scenes.
        """
        if self.a.scene is not self.b.scene:
            return None
        other: Domain = getattr(self, OTHER[name])
        layouts, _ = self._draw(name, split, count, size)
        return np.stack([[other.scene.render(layout, style) for style in other.styles] for layout in layouts])


_MAPS, _FACADES, _STREETS = (SCENES[f"procedural_{name}"] for name in ("maps", "facades", "streets"))
_EVERY = tuple(range(STYLES))
DOMAINS = {
    "procedural_seasons": Domains(Domain(_MAPS, (0, 2)), Domain(_MAPS, (1, 3))),  # summer, winter: noon or evening
    "procedural_facades_streets": Domains(
        Domain(_FACADES, tuple(range(STYLES))), Domain(_STREETS, tuple(range(STYLES)))
    ),
}
