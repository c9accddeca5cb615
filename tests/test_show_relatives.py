"""The relatives beside their twins: pairs, paired differences against SciPy's, tables by hand, the plane."""

import numpy as np
import pytest

from companion.objectives import OBJECTIVES, Penalised
from companion.show.chapters.relatives import (
    PALE,
    STYLES,
    compared,
    differences_table,
    elbo_table,
    means_table,
    paired_table,
    relatives_plane,
    weight_pairs,
)
from companion.show.figure import GUIDE

MADE = {"split": "test", "family": "---", "data": "digits", "binarise": "threshold", "preset": "laptop", "steps": 9}
PLAIN = MADE | {"objective": "info_vae", "lambda": 0.0, "beta": 1.0, "seed": 0, "latent_dim": 2, "rate": 20.0}
PLAIN |= {
    "distortion": 80.0,
    "rate_se": 0.1,
    "distortion_se": 0.2,
    "elbo": -100.0,
    "mmd": 0.4,
    "total_correlation": 9.0,
}
OTHER = PLAIN | {"seed": 1, "rate": 22.0, "elbo": -102.0, "mmd": 0.6, "total_correlation": 11.0}
FREE = PLAIN | {"objective": "wae_mmd", "beta": 0.0, "rate": 200.0, "distortion": 60.0, "elbo": -260.0, "mmd": 0.9}
PAID = {"lambda": 5.0, "rate": 10.0, "distortion": 85.0, "elbo": -95.0, "total_correlation": 6.0}
ROWS = [
    *(PLAIN | {"objective": "wae_gan", "beta": 0.0, "lambda": 5.0, "mmd": 1.0}, OTHER, PLAIN, FREE),
    *(
        PLAIN | PAID | {"objective": "factor_vae"},
        OTHER | PAID | {"objective": "factor_vae", "total_correlation": 12.0},
    ),
    *(PLAIN | PAID | {"mmd": 0.1}, OTHER | PAID | {"mmd": 0.2}),
]


def test_every_relative_has_a_look_of_its_own():
    assert STYLES.keys() == {name for name, cls in OBJECTIVES.items() if issubclass(cls, Penalised)}
    assert len(set(STYLES.values())) == len({(look[1], look[2]) for look in STYLES.values()}) == len(STYLES)


def test_a_twin_has_the_same_seed_and_beta_and_all_else_but_the_weight():
    pairs = weight_pairs(ROWS)
    assert pairs["objective"].tolist() == ["factor_vae"] * 2 + ["info_vae"] * 2 + ["wae_gan"]
    for name in ("rate", "distortion", "rate_se", "elbo", "mmd", "total_correlation"):
        twins = [row[name] for row in (PLAIN, OTHER, PLAIN, OTHER, FREE)]
        assert pairs[f"{name}_matched"].tolist() == twins
    assert weight_pairs([PLAIN, *(PLAIN | PAID | {name: "other"} for name in MADE)]).empty


def test_a_column_is_compared_pair_by_pair():
    assert compared(ROWS, "factor_vae", "total_correlation").each == (-3.0, 1.0)
    assert compared(ROWS, "info_vae", "mmd").each == pytest.approx((-0.3, -0.4))


def test_the_table_of_pairs_by_hand():
    """Half widths of two pairs: 12.706 times half their difference; one pair has none."""
    quantities = {"factor_vae": "total_correlation", "info_vae": "mmd", "wae_gan": "mmd", "aae": "mmd"}
    assert paired_table(ROWS, quantities).lines == [
        ["FactorVAE", "total correlation", "10", "9", "-1 ± 25", "1 of 2", "not lower"],
        ["InfoVAE", "MMD²", "0.5", "0.15", "-0.35 ± 0.64", "2 of 2", "lower"],
        ["WAE-GAN", "MMD²", "0.9", "1", "0.1", "0 of 1", "not lower"],
    ]
    assert len(paired_table(ROWS, {"info_vae": "mmd"}).lines) == 1


def test_the_table_of_means_by_hand():
    found = means_table(ROWS, {"rate": "R", "mmd": "MMD"})
    assert found.headings == ["", "seeds", "R", "MMD"]
    assert found.lines == [
        ["weight 0, β = 1", "2", "21.0 ± 1.0", "0.50 ± 0.10"],
        ["weight 0, β = 0", "1", "200.0", "0.90"],
        ["FactorVAE", "2", "10.0", "0.50 ± 0.10"],
        ["InfoVAE", "2", "10.0", "0.15 ± 0.05"],
        ["WAE-GAN", "1", "20.0", "1.00"],
    ]
    assert means_table(ROWS, {"mmd": "MMD"}, tight=True).lines[0][2] == "0.50±0.10"
    assert [line[2] for line in means_table(ROWS[:4], {"beta": "β"}).lines[:2]] == ["1.00", "0.00"]


def test_differences_have_equal_decimals_for_the_relatives_of_one_beta():
    found = differences_table(ROWS, {"mmd": "MMD", "total_correlation": "T"}).lines
    assert found == [["FactorVAE", "0.00", "-1±25"], ["InfoVAE", "-0.35±0.64", "-4±13"], ["WAE-GAN", "0.10", ""]]
    costs = elbo_table(ROWS).lines
    assert costs[0] == ["FactorVAE", "101.0", "95.0", "-6 ± 13", "0 of 2", "cheaper"]
    assert costs[2] == ["WAE-GAN", "260.0", "100.0", "-160.00", "0 of 1", "cheaper"]


def test_every_relative_is_tied_to_its_twin_and_the_curve_has_one_elbo():
    axes = relatives_plane(ROWS).axes[0]
    assert axes.get_xscale() == "log"
    curve, *ties = [line for line in axes.lines if line.get_linestyle() in ("-", "--")]
    np.testing.assert_allclose(curve.get_xdata() + curve.get_ydata(), 95)
    assert [line.get_xdata().tolist() for line in ties] == [[20, 10], [22, 10], [20, 10], [22, 10], [200, 20]]
    assert [line.get_ydata().tolist() for line in ties] == [[80, 85]] * 4 + [[60, 80]]
    marks = [container[0] for container in axes.containers]
    assert [(m.get_xdata()[0], m.get_marker(), m.get_color()) for m in marks[-2:]] == [
        (200, "s", GUIDE),
        (20, "P", STYLES["wae_gan"][1]),
    ]
    across, up = marks[-1].axes.containers[-1][2]
    np.testing.assert_allclose(across.get_segments()[0][:, 0], [19.8, 20.2])
    np.testing.assert_allclose(up.get_segments()[0][:, 1], [79.6, 80.4])
    low, high = axes.get_xlim()
    assert (low, high) == pytest.approx((8.0, 250.0))
    assert [tick for tick in axes.get_xticks() if low < tick < high] == [10, 20, 50, 100, 200]


def test_the_legend_names_what_is_there_and_the_focus_is_not_pale():
    picture = relatives_plane(ROWS, focus="info_vae")
    names = ["FactorVAE", "InfoVAE", "WAE-GAN", "weight 0, β = 1", "weight 0, β = 0", "R + D = 95.0"]
    assert [text.get_text() for text in picture.legends[0].get_texts()] == names
    solid = [container[0].get_alpha() for container in picture.axes[0].containers]
    assert solid == [PALE] * 4 + [1.0] * 4 + [PALE] * 2


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([], {}, "rows: expected the keys objective, .* got rows without objective, lambda, beta"),
        ([PLAIN], {}, "rows: expected pairs of positive rates, got 0 relatives in 1 rows"),
        (
            [PLAIN | PAID, PLAIN | {"rate": 0.0}],
            {},
            "rows: expected pairs of positive rates, got 1 relatives in 2 rows",
        ),
        ([{"objective": "aae"}], {}, "rows: expected the keys objective, .* got rows without lambda, beta"),
        ([PLAIN | {"objective": "elbo"}], {}, "rows: expected an objective of factor_vae, .* got 'elbo'"),
        ([PLAIN, PLAIN | {"split": "validation"}], {}, "rows: expected those of one split, got test, validation"),
        (ROWS, {"focus": "aae"}, "focus: expected one of factor_vae, info_vae, wae_gan, got 'aae'"),
    ],
)
def test_rows_that_make_no_plane_are_refused(rows, options, message):
    with pytest.raises(ValueError, match=message):
        relatives_plane(rows, **options)


def test_no_pairs_give_no_comparison():
    with pytest.raises(ValueError, match="each: expected at least one difference, got none"):
        compared(ROWS, "aae", "mmd")
