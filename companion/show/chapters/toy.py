"""The page on the toy: the panels of one model or several, figure 2 of Alemi et al. (2018)."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from companion.exact.toy import ToyPanels
from companion.show.charts import draw_table
from companion.show.figure import PALETTE, Figure, panels, style

MAPS = (
    ("encoder", "e(z|x)", "code z", "mark x"),
    ("decoder", "d(x|z)", "mark x", "code z"),
    ("reconstruction", "p(x'|x)", "mark x'", "mark x"),
)


@style()
def model_panels(models: Mapping[str, ToyPanels]) -> Figure:
    """Figure 2 of Alemi et al. (2018): a column for each of ``models``, by name.

    Top: p*(x) as bars, g(x) and d(x) as lines. Below: the codes of each class, p(z*) e(z | z*), as stacked bars whose
    tops are the aggregate e(z), and m(z) as points. Then e(z|x), d(x|z) and p(x'|x) as heat maps, each row of maps in
    one scale of colours.

    Raises ``ValueError`` without models.
    """
    if not models:
        raise ValueError("models: expected at least one model, got none")
    figure, grid = panels((3.3 * len(models), 12.5), 5, len(models), squeeze=False)
    for column, (name, shown) in enumerate(models.items()):
        _draw_data(grid[0, column], shown)
        _draw_codes(grid[1, column], shown)
        grid[0, column].set_title(name)
    for row, (field, title, across, up) in enumerate(MAPS, start=2):
        top = max(float(getattr(shown, field).max()) for shown in models.values())
        for axes, shown in zip(grid[row], models.values(), strict=True):
            image = draw_table(axes, getattr(shown, field), top)
            axes.set(xlabel=across, ylabel=up)
        figure.colorbar(image, ax=grid[row].tolist(), label=title)
    for row in grid[:2]:
        top = max(axes.get_ylim()[1] for axes in row)
        for axes in row:
            axes.set_ylim(0, 1.4 * top)
    for axes in grid[:2, 0]:
        axes.legend(frameon=False, fontsize=8)
    return figure


def _draw_data(axes: Axes, shown: ToyPanels) -> None:
    bins = np.arange(len(shown.p_x))
    axes.bar(bins, shown.p_x, color="#BBBBBB", width=1, label="data p*(x)")
    axes.plot(bins, shown.generated, color=PALETTE[0], label="generated g(x)")
    axes.plot(bins, shown.reconstructed, "--", color=PALETTE[1], label="reconstructed d(x)")
    axes.set(xlabel="mark x", ylabel="probability")


def _draw_codes(axes: Axes, shown: ToyPanels) -> None:
    codes, base = np.arange(len(shown.marginal)), np.zeros(len(shown.marginal))
    for i, (weight, share) in enumerate(zip(shown.class_weights, shown.class_aggregates, strict=True)):
        colour = PALETTE[(3, 4, 2, 5, 0, 1, 6)[i % 7]]
        axes.bar(codes, weight * share, bottom=base, color=colour, width=1, label=f"codes of class {i}")
        base = base + weight * share
    axes.plot(codes, shown.marginal, ".", color=PALETTE[6], markersize=4, label="marginal m(z)")
    axes.set(xlabel="code z", ylabel="probability")
