"""A report of one model as a single HTML file: numbers, plane, bars and images, nothing fetched from elsewhere."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from companion import units
from companion.exact.decomposition import ElboSurgery
from companion.show.figure import PALETTE, Figure, panels, style
from companion.show.images import image_sheet
from companion.show.plane import COLOURS, MARKERS, empty_plane
from companion.studies import ModelReport
from companion.terms import RateDistortion

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --line: #bbb; --note: #fff4e5; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e8e8e8; --paper: #16181c; --line: #555; --note: #3a2d15; }} }}
body {{ font: 17px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 46rem;
  margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
th, td {{ padding: .3rem .8rem .3rem 0; text-align: right; border-bottom: 1px solid var(--line); }}
th:first-child, td:first-child {{ text-align: left; }}
img {{ max-width: 100%; height: auto; background: #fff; border-radius: 4px; }}
.warning {{ background: var(--note); padding: .6rem 1rem; border-left: 4px solid #D55E00; }}
figure {{ margin: 1.5rem 0; }} figcaption {{ font-size: .95rem; }}
</style></head><body>
{body}
</body></html>
"""


def report_page(report: ModelReport, name: str, beside: Sequence[Mapping[str, Any]] = ()) -> str:
    """The report as one HTML page.

    Args:
        name: of the model, for the title
        beside: rows of families on the same data, with the keys of ``family_plane``, for the plane
    """
    point = report.points["test"]
    parts = [f"<h1>{escape(name)} on {escape(report.data)}</h1>", _summary(report)]
    parts += [f'<p class="warning">{escape(text)}</p>' for text in report.warnings]
    parts += ["<h2>Rate and distortion</h2>", _points(report.points), _bound(report)]
    words = f"{name} in the plane: R = {point.rate:.2f}, D = {point.distortion:.2f} nats"
    caption = "Your model as a star, with two standard errors; every point of the dashed line has its ELBO."
    if beside:
        caption += " The pale points are the families of the book on the same images; hollow ones have not arrived."
    parts.append(_figure(model_plane(point, beside), words, caption))
    parts += _surgery(report)
    words = "test images, their copies and samples of the model"
    caption = "Copies are drawn from d(x|z) with z from e(z|x), samples from d(x|z) with z from m(z)."
    parts += ["<h2>Copies and samples</h2>", _figure(image_sheet(report.sheet), words, caption)]
    return PAGE.format(title=escape(f"{name} on {report.data}"), body="\n".join(parts))


def _summary(report: ModelReport) -> str:
    point = report.points["test"]
    text = (
        f"On {point.n} test images it pays {point.rate:.2f} nats of rate and {point.distortion:.2f} of distortion: its "
        f"ELBO is {point.elbo:.2f} ± {point.elbo_se:.2f} nats, {units.bits(-point.elbo):.1f} bits an image."
    )
    if report.latent_rates:
        text += f" {report.active} of the {len(report.latent_rates)} dimensions of its code are active."
    if report.loss is not None and report.loss.agrees:
        text += " The loss that the model reports itself agrees with this."
    return f"<p>{escape(text)}</p>"


def _points(points: Mapping[str, RateDistortion]) -> str:
    rows = []
    for split, p in points.items():
        pairs = [(p.rate, p.rate_se), (p.distortion, p.distortion_se), (p.elbo, p.elbo_se)]
        rows.append((split, *(f"{value:.2f} ± {error:.2f}" for value, error in pairs), str(p.n)))
    return _table(("split", "R (nats)", "D (nats)", "ELBO (nats)", "images"), rows)


def _bound(report: ModelReport) -> str:
    bound, (gain, se) = report.bound, report.gain
    return (
        f"<p>IWAE-{bound.k}, a tighter bound on the log likelihood: {bound.value:.2f} ± {bound.se:.2f} nats, "
        f"{gain:.2f} ± {se:.2f} above the ELBO: so the ELBO is at least this far below the log likelihood.</p>"
    )


def _surgery(report: ModelReport) -> list[str]:
    parts = report.surgery
    if parts is None:
        return []
    rows = [
        ("rate R", parts.rate, parts.rate_se),
        ("information I(n; z)", parts.index_information, parts.index_information_se),
        ("marginal KL(q(z) ‖ m(z))", parts.marginal_kl, parts.marginal_kl_se),
    ]
    if parts.total_correlation is not None:
        rows.append(("total correlation of q(z)", parts.total_correlation, parts.total_correlation_se))
    table = _table(("", "nats", "standard error"), [(n, f"{v:.3f}", f"{se:.3f}") for n, v, se in rows])
    text = (
        f"<p>The rate of {parts.n} test images, taken apart with their exact aggregate. I(n; z) says how much a code "
        f"tells about which of these images it is of, at most log {parts.n} = {np.log(parts.n):.2f} nats.</p>"
    )
    words = f"the rate, {parts.rate:.2f} nats, as information {parts.index_information:.2f} and marginal KL"
    bar = _figure(
        surgery_bar(parts),
        words,
        "What a code tells about which of these images it is of, and the rest of the rate.",
    )
    found = ["<h2>What the rate is made of</h2>", text, bar, table]
    if report.latent_rates:
        words = f"rates of the {len(report.latent_rates)} dimensions of the code, falling"
        found.append(_figure(rate_bars(report.latent_rates), words, "The rate of each dimension of the code, falling."))
    return found


@style()
def model_plane(point: RateDistortion, beside: Sequence[Mapping[str, Any]] = ()) -> Figure:
    """``point`` as a star in the plane, with two standard errors, and rows of families pale beside it."""
    figure = empty_plane()
    axes = figure.axes[0]
    for row in beside:
        colour = COLOURS.get(row["family"][1:], PALETTE[6])
        face = colour if row.get("arrived", True) else "white"
        look: Any = {"color": colour, "markerfacecolor": face, "alpha": 0.4, "markersize": 4}
        axes.plot(row["rate"], row["distortion"], MARKERS.get(row["family"][:1], "o"), **look)
    errors: Any = {"xerr": 2 * point.rate_se, "yerr": 2 * point.distortion_se}
    axes.errorbar(point.rate, point.distortion, fmt="*", color=PALETTE[1], markersize=14, **errors)
    right, top = (1.1 * max(1.0, *axis) for axis in (axes.get_xlim(), axes.get_ylim()))
    axes.set(xlim=(-0.03 * right, right), ylim=(min(0.0, 1.1 * point.distortion), top))
    ends = np.array(axes.get_xlim())
    axes.plot(ends, -point.elbo - ends, "--", color="#767676", linewidth=1)
    return figure


@style()
def surgery_bar(parts: ElboSurgery) -> Figure:
    """The rate as one bar: information, then marginal KL."""
    figure, axes = panels((6, 1.3))
    axes.barh(0, parts.index_information, color=PALETTE[0], label="I(n; z)")
    axes.barh(0, parts.marginal_kl, left=parts.index_information, color=PALETTE[4], label="KL(q(z) ‖ m(z))")
    axes.set(yticks=[], xlabel="nats")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return figure


@style()
def rate_bars(rates: Sequence[float]) -> Figure:
    """A bar for the rate of each dimension of the code, in the order given."""
    figure, axes = panels((6, 2.4))
    axes.bar(range(1, len(rates) + 1), rates, color=PALETTE[0])
    axes.set(xlabel="dimension", ylabel="rate (nats)")
    return figure


def _figure(figure: Figure, alt: str, caption: str) -> str:
    data = base64.b64encode(figure.png(dpi=144)).decode()
    return (
        f'<figure><img alt="{escape(alt)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
