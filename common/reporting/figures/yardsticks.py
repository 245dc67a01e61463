"""The gate's model between a model that knows nothing and real data: a picture of how far training came."""

from pathlib import Path

import numpy as np

from common.evaluation.names import NOTHING, REAL
from common.experiments.papers import YARDSTICKS_PICTURE
from common.reporting.figures.plots import figure, show_images
from common.reporting.results import Results

SHOWN, COLUMNS = 16, 4  # samples of each, and how many in a row
OUTPUTS = "outputs|"  # begins the names of sheets of translations


def show_yardsticks(r: Results) -> None:
    """As many samples of each, side by side; of videos their middle frames. A sheet that was not kept is left out."""
    gate = next((arm for arm in r.experiment.gate_arms if _sheet(r, arm) is not None), "")
    found = {name: sheet for name in (NOTHING, gate, REAL) if (sheet := _sheet(r, name)) is not None}
    translated = OUTPUTS + REAL in r.sheets
    shown, columns = rows_of_outputs(found) if translated else (first(found), COLUMNS)
    shown = shown or {"no samples were kept": np.full((1, 8, 8, 1), 255, np.uint8)}
    n, height, width, _ = next(iter(shown.values())).shape
    tall = 2.2 * height * -(-n // columns) / (width * columns) + 0.5
    with figure(r.folder / Path(YARDSTICKS_PICTURE).stem, 1, len(shown), (2.2 * len(shown), tall)) as (drawn, axes):
        for axis, (name, images) in zip(axes[0], shown.items(), strict=True):
            show_images(axis, images, columns, name)
        if translated:
            drawn.supxlabel("each row: condition, ground truth, an output", fontsize=8)


def first(sheets: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Of sheets (n, h, w, c), or (n, frames, h, w, c), the same number of images each."""
    count = min([SHOWN, *map(len, sheets.values())])
    return {
        name: sheet[:count, sheet.shape[1] // 2] if sheet.ndim == 5 else sheet[:count] for name, sheet in sheets.items()
    }


def rows_of_outputs(sheets: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], int]:
    """Of sheets with a row a condition, as the real one has: condition, truth, and the truth again as its output."""
    inputs, columns = len(sheets[REAL]) // 3, 3
    rows = {name: sheet.reshape(inputs, -1, *sheet.shape[1:])[:, :columns] for name, sheet in sheets.items()}
    return {name: row.reshape(-1, *row.shape[2:]) for name, row in rows.items()}, columns


def _sheet(r: Results, model: str) -> np.ndarray | None:
    """A model's pictures or videos; None where none were kept."""
    sheet = next((r.sheets[name] for name in (model, OUTPUTS + model) if name in r.sheets), None)
    return sheet if sheet is not None and sheet.dtype == np.uint8 and sheet.ndim in (4, 5) else None
