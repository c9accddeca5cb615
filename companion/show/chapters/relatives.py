"""The page on relatives of the ELBO: each beside its runs at weight 0, in the plane and in tables.

Rows are those of ``book/results/relatives.csv``: dicts, or a frame, with the keys of ``NEEDED``, numbers in nats. The
run matched with a relative was made as it was, with the same seed, but at weight 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import floor, inf, log10
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullLocator

from companion.results.frames import MATCHED, matched_pairs, records
from companion.results.statistics import PairedDifferences, with_error
from companion.show.explorer import Look, plane_explorer
from companion.show.figure import GUIDE, PALETTE, Figure, panels, style
from companion.show.plane import empty_plane
from companion.show.tables import Table, spread
from companion.show.widgets import LiveFigure
from companion.stats import mean_and_error

Rows = Sequence[Mapping[str, Any]]

ALIKE = ("beta", "seed", "split", "family", "data", "binarise", "preset", "steps", "latent_dim")
NEEDED = ("objective", "lambda", *ALIKE, "rate", "distortion", "rate_se", "distortion_se", "elbo")
#: Name, colour and marker of each: blue for total correlation, green for moments, warm for distances, black for D.
STYLES = {
    "factor_vae": ("FactorVAE", PALETTE[0], "o"),
    "beta_tcvae": ("β-TCVAE", PALETTE[5], "s"),
    "dip_vae_i": ("DIP-VAE-I", PALETTE[2], "^"),
    "dip_vae_ii": ("DIP-VAE-II", PALETTE[2], "v"),
    "info_vae": ("InfoVAE", PALETTE[4], "D"),
    "infomax_vae": ("InfoMax", PALETTE[6], "*"),
    "wae_mmd": ("WAE-MMD", PALETTE[1], "D"),
    "wae_gan": ("WAE-GAN", PALETTE[1], "P"),
    "aae": ("AAE", PALETTE[3], "X"),
}
WORDS = {"dip_i": "DIP I", "dip_ii": "DIP II", "mmd": "MMD²", "total_correlation": "total correlation"}
SHARES = ("D", "information", "total\ncorrelation", "dimension-\nwise KL")
PRICES: dict[str, tuple[list[str], tuple[int, int, str, int] | None]] = {
    # a price for each share; the shares that something stands in for, from and to; what; its colour
    "ELBO": (["1", "1", "1", "1"], None),
    "β-VAE": (["1", "β", "β", "β"], None),
    "FactorVAE, β-TCVAE": (["1", "1", "1 + w", "1"], (2, 3, "", 0)),
    "DIP-VAE-II": (["1", "1", "1", "1"], (2, 4, "+ covariances", 2)),
    "DIP-VAE-I": (["1", "1", "1", "1"], (1, 4, "+ covariances of the means", 2)),
    "InfoVAE": (["1", "1", "1", "1"], (2, 4, "+ distance", 4)),
    "WAE-MMD": (["1", "0", "0", "0"], (2, 4, "+ distance", 1)),
    "WAE-GAN, AAE": (["1", "0", "0", "0"], (2, 4, "+ discriminator", 1)),
    "InfoMax": (["1 + w", "1", "1", "1"], (0, 1, "", 6)),
}
PARTS = {  # columns of the shares of the rate: words and colour
    "information": ("information I(n; z)", PALETTE[0]),
    "total_correlation": ("total correlation T", PALETTE[3]),
    "dimension_wise_kl": ("dimension-wise KL W", PALETTE[2]),
    "marginal_kl": ("marginal KL, T + W", PALETTE[4]),
}
ALT = (
    "The plane with a logarithmic rate across and distortion up. Grey circles are twins at beta 1, grey squares "
    "twins at beta 0, far to the right and lower. Coloured marks are relatives, each tied to its twin."
)
PALE = 0.12  # opacity of what is not in focus


def weight_pairs(rows: Rows | pd.DataFrame) -> pd.DataFrame:
    """Each relative of ``rows`` beside its matched run, as ``matched_pairs`` gives them, in the order of ``STYLES``.

    Raises ``ValueError`` for rows that lack one of ``NEEDED`` or have an unknown objective.
    """
    frame = pd.DataFrame(rows)
    if missing := [name for name in NEEDED if name not in frame]:
        raise ValueError(f"rows: expected the keys {', '.join(NEEDED)}, got rows without {', '.join(missing)}")
    if unknown := set(frame["objective"]) - STYLES.keys():
        raise ValueError(f"rows: expected an objective of {', '.join(STYLES)}, got {min(unknown)!r}")
    pairs = matched_pairs(frame, frame["lambda"] != 0, frame["lambda"] == 0, ALIKE)
    return pairs.sort_values("objective", key=lambda names: names.map(list(STYLES).index), kind="stable")


def _groups(rows: Rows | pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The pairs of each relative; raises ``ValueError`` for rows of several splits, and as ``weight_pairs`` does."""
    pairs = weight_pairs(rows)
    if len(splits := set(pd.DataFrame(rows)["split"])) > 1:
        raise ValueError(f"rows: expected those of one split, got {', '.join(sorted(splits))}")
    return {str(objective): group for objective, group in pairs.groupby("objective", sort=False)}


def compared(rows: Rows | pd.DataFrame, objective: str, quantity: str) -> PairedDifferences:
    """A column of the table, of one relative against its matched runs.

    Raises ``ValueError`` where there is no pair, and as ``weight_pairs`` does.
    """
    return _difference(weight_pairs(rows).query("objective == @objective"), quantity)


def _difference(pairs: pd.DataFrame, quantity: str) -> PairedDifferences:
    return PairedDifferences(tuple((pairs[quantity] - pairs[quantity + MATCHED]).tolist()))


def paired_table(rows: Rows | pd.DataFrame, quantities: Mapping[str, str]) -> Table:
    """What each relative does to one quantity: means, the paired difference with its 95 % interval, and a verdict.

    The rule: "lower" is a quantity that is below the matched run's in every seed.

    Args:
        rows: of one split
        quantities: a column for each objective, such as ``Penalised.quantity``; others are not compared
    """
    lines = []
    for objective, pairs in _groups(rows).items():
        if quantity := quantities.get(objective):
            found, n = _difference(pairs, quantity), len(pairs)
            means = [f"{pairs[column].mean():.4g}" for column in (quantity + MATCHED, quantity)]
            told = [STYLES[objective][0], WORDS.get(quantity, quantity), *means, _shown(found)]
            lines.append([*told, f"{found.lower} of {n}", "lower" if found.lower == n else "not lower"])
    return Table(["relative", "quantity", "twin", "relative's", "difference", "seeds lower", "verdict"], lines)


def means_table(rows: Rows | pd.DataFrame, quantities: Mapping[str, str], tight: bool = False) -> Table:
    """Means over seeds with their standard errors: a line for each β at weight 0, and one for each relative.

    A column has as many decimals as the second digit of its largest error.

    Args:
        rows: of one split
        quantities: headings by column of the table
        tight: whether numbers are written without spaces
    """
    plain = by_name(pd.DataFrame(rows).query("`lambda` == 0").sort_values("beta", ascending=False, kind="stable"))
    groups = {f"{name}, β = {beta:g}": group for (beta, name), group in plain.items()}
    groups |= {STYLES[objective][0]: pairs for objective, pairs in _groups(rows).items()}
    columns = [_column([mean_and_error(group[name]) for group in groups.values()]) for name in quantities]
    form = _tight if tight else str
    lines = [
        [name, len(group), *map(form, cells)] for (name, group), *cells in zip(groups.items(), *columns, strict=True)
    ]
    return Table(["", "seeds", *quantities.values()], lines)


def _column(found: Sequence[tuple[float, float]]) -> list[str]:
    """Values with their errors, of equal decimals; the value alone where the error is zero or infinite."""
    largest = max((error for _, error in found if 0 < error < inf), default=0.0)
    places = max(0, 1 - floor(log10(float(f"{largest:.1e}")))) if largest else 2
    return [f"{v:z.{places}f}" + (f" ± {e:.{places}f}" if 0 < e < inf else "") for v, e in found]


def _shown(found: PairedDifferences) -> str:
    return with_error(found.mean, found.half_width)


def _differences(groups: Mapping[str, pd.DataFrame], quantity: str) -> dict[str, str]:
    """The paired difference of each relative with its half width, of equal decimals for the relatives of one β."""
    told: dict[str, str] = {}
    for beta in sorted({pairs["beta"].iloc[0] for pairs in groups.values()}):
        found = {o: _difference(pairs, quantity) for o, pairs in groups.items() if pairs["beta"].iloc[0] == beta}
        told |= dict(zip(found, _column([(d.mean, d.half_width) for d in found.values()]), strict=True))
    return told


def _tight(cell: str) -> str:
    return cell.replace(" ± ", "±")


@style()
def relatives_plane(rows: Rows | pd.DataFrame, focus: str | None = None) -> Figure:
    """Every relative in the plane, tied to its matched run by a thin line: R across, logarithmic, D up, in nats.

    Twins are hollow and grey: circles at beta 1, squares at beta 0. All points have two standard errors. Every point of
    the dashed curve has the least R + D of ``rows``.

    Args:
        rows: of one split
        focus: an objective in ``rows``, all others pale; by default none is

    Raises ``ValueError`` where there is no pair, for rows of several splits, a rate that is not positive, a ``focus``
    without pairs, and as ``weight_pairs`` does.
    """
    groups, rows = _groups(rows), pd.DataFrame(rows)
    if not groups or rows["rate"].min() <= 0:
        raise ValueError(f"rows: expected pairs of positive rates, got {len(groups)} relatives in {len(rows)} rows")
    if focus is not None and focus not in groups:
        raise ValueError(f"focus: expected one of {', '.join(groups)}, got {focus!r}")
    figure = empty_plane(size=(6.25, 6.2))
    axes = figure.axes[0]
    _draw_line(axes, rows)
    for objective, pairs in groups.items():
        for pair in records(pairs):
            _draw_pair(axes, pair, 1.0 if focus in (None, objective) else PALE)
    tight: dict[str, Any] = {"frameon": False, "fontsize": 10, "columnspacing": 1.5, "handlelength": 1.6}
    figure.legend(handles=_legend(rows, groups), loc="outside lower center", ncols=3, **tight)
    return figure


def _draw_line(axes: Axes, rows: pd.DataFrame) -> None:
    rate, up = rows["rate"], rows["distortion"]
    axes.set_xscale("log")
    axes.xaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}", minor_locator=NullLocator())
    margin = 0.06 * np.ptp(up) + 1
    axes.set(xlim=(0.8 * rate.min(), 1.25 * rate.max()), ylim=(up.min() - margin, up.max() + margin))
    across = np.geomspace(*axes.get_xlim(), 200)
    axes.plot(across, -rows["elbo"].max() - across, "--", color=GUIDE, linewidth=1)


def _draw_pair(axes: Axes, pair: Mapping[str, Any], opacity: float) -> None:
    _, colour, marker = STYLES[pair["objective"]]
    ends = [[pair[name + end] for end in (MATCHED, "")] for name in ("rate", "distortion")]
    axes.plot(*ends, color=colour, linewidth=0.8, alpha=0.6 * opacity, zorder=1)
    twin: Any = {"marker": "s" if pair["beta"] == 0 else "o", "color": GUIDE, "markerfacecolor": "white"}
    both: Any = {"markersize": 5.5, "linestyle": "none", "elinewidth": 1, "alpha": opacity}
    for end, look in ((MATCHED, twin), ("", {"marker": marker, "color": colour})):
        rate, distortion, *errors = (pair[name + end] for name in ("rate", "distortion", "rate_se", "distortion_se"))
        axes.errorbar(rate, distortion, xerr=2 * errors[0], yerr=2 * errors[1], **look, **both)


def _legend(rows: pd.DataFrame, objectives: Iterable[str]) -> list[Line2D]:
    marks: Any = {"linestyle": "none", "markersize": 6}
    shown = [Line2D([], [], label=n, color=c, marker=m, **marks) for n, c, m in (STYLES[o] for o in objectives)]
    for beta in sorted(set(rows["beta"][rows["lambda"] == 0]), reverse=True):
        look: Any = {"marker": "s" if beta == 0 else "o", "color": GUIDE, "markerfacecolor": "white"}
        shown.append(Line2D([], [], label=f"weight 0, β = {beta:g}", **look, **marks))
    best = f"R + D = {-rows['elbo'].max():.1f}"
    return [*shown, Line2D([], [], color=GUIDE, linestyle="--", linewidth=1, label=best)]


def paired_objectives(rows: Rows | pd.DataFrame) -> list[str]:
    """The objectives of ``rows`` that have a matched run, in the order of ``STYLES``."""
    return weight_pairs(rows)["objective"].unique().tolist()


def relatives_explorer(rows: Rows | pd.DataFrame) -> LiveFigure:
    """``relatives_plane`` to explore: every run with its numbers, by relative and by beta, its twin tied to it.

    Raises ``ValueError`` as ``relatives_plane`` does.
    """
    still, rows = relatives_plane(rows), records(rows)
    made = [tuple(row[name] for name in ALIKE) for row in rows]
    twins = {how: i for i, (how, row) in enumerate(zip(made, rows, strict=True)) if row["lambda"] == 0}
    return plane_explorer(
        rows,
        still=still,
        look=_look,
        say=lambda row: f"{_look(row).name}, β = {row['beta']:g}, w = {row['lambda']:g}, seed {row['seed']}",
        filters={"relative": lambda row: _look(row).name, "β": lambda row: f"{row['beta']:g}"},
        ties=[(twins[how], i) for i, how in enumerate(made) if twins.get(how, i) != i],
        log=True,
        alt=ALT,
    )


def _look(row: Mapping[str, Any]) -> Look:
    """Its own colour and marker for a relative; for a twin those of ``relatives_plane``, whatever its objective."""
    if row["lambda"] == 0:
        return Look("weight 0", GUIDE, "s" if row["beta"] == 0 else "o")
    return Look(*STYLES[row["objective"]])


def objectives_figure() -> Figure:
    """The weight that each relative gives to distortion and each share of the rate, and what stands in for a share."""
    figure, axes = panels((7.5, 4.6))
    axes.set(xlim=(-1.75, 4.05), ylim=(len(PRICES) + 0.1, -1.15))
    axes.axis("off")
    centre: Any = {"ha": "center", "va": "center"}
    for j, name in enumerate(SHARES):
        axes.text(j + 0.5, -0.42, name, weight="bold", **centre)
    axes.plot([1.05, 3.95], [-0.9, -0.9], color="#595959", linewidth=1)
    axes.text(2.5, -1.0, "rate R", ha="center", va="bottom")
    for i, (name, (prices, extra)) in enumerate(PRICES.items()):
        axes.text(-0.1, i + 0.5, name, ha="right", va="center")
        start, end, told, colour = extra or (0, 0, "", 0)
        if extra:
            shape = (start + 0.04, i + 0.06), end - start - 0.08, 0.88
            axes.add_patch(Rectangle(*shape, color=PALETTE[colour], alpha=0.25, linewidth=0))
            axes.text((start + end) / 2, i + 0.77, told, fontsize=9, **centre)
        for j, price in enumerate(prices):
            up = 0.15 if told and start <= j else 0.0
            axes.text(j + 0.5, i + 0.5 - up, price, **centre)
        axes.axhline(i, 0.02, 0.99, color="#D9D9D9", linewidth=0.8)
    return figure


def weights_table(configs: Iterable[Mapping[str, Any]]) -> Table:
    """The weights of the penalties in ``configs``, each with its unit."""
    paid = {(c["objective"], c["beta"], c["weight"]) for c in configs if c["weight"]}
    ordered = sorted(paid, key=lambda each: list(STYLES).index(each[0]))
    units = dict.fromkeys(STYLES, "nat") | dict.fromkeys(("wae_mmd", "info_vae"), "unit of MMD²")
    units |= dict.fromkeys(("dip_vae_i", "dip_vae_ii"), "squared covariance")
    units["aae"] = "none: w multiplies a learning rate"
    lines = [(STYLES[name][0], f"{beta:g}", f"{weight:g}", units[name]) for name, beta, weight in ordered]
    return Table(["relative", "β", "weight w", "in nats per"], lines)


def shares_figure(rows: Rows | pd.DataFrame, ceiling: float) -> Figure:
    """The rate of each relative in its shares, as stacked bars of means over seeds; ``ceiling`` is a dashed line."""
    groups = by_name(rows)
    sizes = [sum(b == beta for b, _ in groups) for beta in (1.0, 0.0)]
    figure, grid = panels((7.5, 4.8), 2, 1, height_ratios=sizes)
    for axes, beta in zip(grid, (1.0, 0.0), strict=True):
        for name, group in ((name, group) for (b, name), group in groups.items() if b == beta):
            left = 0.0
            for part in list(PARTS)[:3] if beta else ["information", "marginal_kl"]:
                value = max(0.0, group[part].mean())
                axes.barh(name, value, 0.7, left, color=PARTS[part][1])
                left += value
        axes.axvline(ceiling, linestyle="--", color="#595959", linewidth=1)
        axes.invert_yaxis()
        axes.set_title(f"β = {beta:g}", loc="left")
    grid[-1].set_xlabel("nats; their sum is the rate R")
    handles = [Rectangle((0, 0), 1, 1, color=colour) for _, colour in PARTS.values()]
    words = [word for word, _ in PARTS.values()]
    figure.legend(handles, words, frameon=False, loc="outside lower center", ncols=2)
    return figure


def by_name(rows: Rows | pd.DataFrame) -> dict[tuple[float, str], pd.DataFrame]:
    """The rows of each β and relative, those at weight 0 together."""
    frame = pd.DataFrame(rows)
    names = frame["objective"].map({key: look[0] for key, look in STYLES.items()})
    groups = frame.groupby([frame["beta"], names.where(frame["lambda"] != 0, "weight 0")], sort=False)
    return {(beta, name): group for (beta, name), group in groups}


def differences_table(rows: Rows | pd.DataFrame, quantities: Mapping[str, str]) -> Table:
    """Paired differences of every relative with their 95 % intervals, written without spaces.

    Args:
        rows: of one split; with a column ``total``, the sum R + D, where it is asked for
        quantities: headings by column of the table; at β = 0, where draws do not settle it, the total correlation is
            empty
    """
    groups = _groups(rows)
    columns = {name: _differences(groups, name) for name in quantities}
    lines = []
    for objective, pairs in groups.items():
        cells = {name: _tight(told[objective]) for name, told in columns.items()}
        if pairs["beta"].iloc[0] == 0 and "total_correlation" in cells:
            cells["total_correlation"] = ""
        lines.append([STYLES[objective][0], *cells.values()])
    return Table(["relative − twin", *quantities.values()], lines)


def elbo_table(rows: Rows | pd.DataFrame) -> Table:
    """R + D of each relative: means, the paired difference with its 95 % interval, and a verdict."""
    groups = _groups(pd.DataFrame(rows).assign(total=lambda frame: -frame["elbo"]))
    told, lines = _differences(groups, "total"), []
    for objective, pairs in groups.items():
        found, n = _difference(pairs, "total"), len(pairs)
        means = [f"{pairs[column].mean():.1f}" for column in ("total" + MATCHED, "total")]
        verdict = {0: "dearer", n: "cheaper"}.get(found.lower, "undecided")
        lines.append([STYLES[objective][0], *means, told[objective], f"{n - found.lower} of {n}", verdict])
    return Table(["relative", "R + D, twin", "relative's", "difference", "seeds higher", "verdict"], lines)


def tries_table(rows: Rows | pd.DataFrame) -> Table:
    """What the runs of each weight span, the planned seeds before those tried, which are 100 and more."""
    frame = pd.DataFrame(rows)
    forms = {"mmd": ".4f", "rate": ".0f", "distortion": ".0f"}
    lines = []
    for (tried, weight), some in frame.groupby([frame["seed"] >= 100, frame["lambda"]]):
        seeds = "tried, 100 and 101" if tried else f"0 to {len(some) - 1}"
        lines.append([f"{weight:g}", seeds, *(spread(some[column], form) for column, form in forms.items())])
    return Table(["weight w", "seeds", "MMD², validation", "R", "D"], lines)
