"""The exact laboratory of the website against the package, in a browser, on random cases: tables, points, frontiers."""

import math

import numpy as np
import pytest
from laboratory import TOLERANCE, called, camel, check_all, check_equal, record, simplex
from scipy.optimize import nnls

from companion import exact
from companion.exact import DiscreteModel

NUMBERS = ["entropy", "rate", "distortion", "elbo", "mutual_information", "generative_mutual_information"]
NUMBERS += ["generative_lower_bound", "joint", "aggregate", "inverted_encoder", "generated"]
LINEAR = ["eigenvalues", "beta", "noise", "latent_dim", "water_level", "latent_rates", "mse", "rate", "distortion"]
LINEAR += ["elbo", "active"]
SURGERY = ["rate", "index_information", "marginal_kl", "total_correlation", "dimension_wise_kl", "n"]
POINT = ["rate", "distortion", "encoder", "marginal"]

pytestmark = pytest.mark.browser


def joint(rng, axes):
    shape = rng.integers(1, 5, axes)
    return simplex(rng, math.prod(shape)).reshape(shape)


def test_the_sums_over_tables(laboratory):
    rng = np.random.default_rng(0)
    pairs = [(simplex(rng, n), simplex(rng, n)) for n in rng.integers(1, 8, 60)]
    pairs += [(simplex(rng, 12).reshape(3, 4), simplex(rng, 12).reshape(3, 4)) for _ in range(10)]
    check_all(laboratory, "rd.exact.entropy", [[p] for p, _ in pairs], [exact.entropy(p) for p, _ in pairs])
    check_all(laboratory, "rd.exact.kl", pairs, [exact.kl(p, q) for p, q in pairs])
    check_all(laboratory, "rd.exact.crossEntropy", pairs, [exact.cross_entropy(p, q) for p, q in pairs])
    assert {math.isinf(exact.kl(p, q)) for p, q in pairs} == {True, False}
    two = [[joint(rng, 2)] for _ in range(60)]
    check_all(laboratory, "rd.exact.mutualInformation", two, [exact.mutual_information(table) for (table,) in two])
    many = [[joint(rng, axes)] for axes in (1, 2, 3, 4) for _ in range(20)]
    check_all(laboratory, "rd.exact.totalCorrelation", many, [exact.total_correlation(table) for (table,) in many])


def test_a_model_of_four_tables(laboratory):
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 7, (80, 2))
    cases = [(simplex(rng, x), simplex(rng, z, x), simplex(rng, x, z), simplex(rng, z)) for x, z in sizes]
    models = [DiscreteModel(*tables) for tables in cases]
    shown = ", ".join(f"{name}: model.{name}" for name in map(camel, NUMBERS))
    function = f"(...tables) => {{ const model = new rd.exact.DiscreteModel(...tables); return {{ {shown} }}; }}"
    check_all(laboratory, function, cases, [record(NUMBERS, model) for model in models])
    for best in ("with_optimal_marginal", "with_optimal_decoder"):
        function = f"(...tables) => {{ const model = new rd.exact.DiscreteModel(...tables).{camel(best)}();"
        expected = [record(NUMBERS, getattr(model, best)()) for model in models]
        check_all(laboratory, f"{function} return {{ {shown} }}; }}", cases, expected)
    assert (
        {math.isinf(model.rate) for model in models}
        == {math.isinf(model.distortion) for model in models}
        == {True, False}
    )


def test_a_model_beside_an_estimate_of_the_data(laboratory):
    rng = np.random.default_rng(2)
    sizes = rng.integers(1, 7, (60, 2))
    cases = [
        (simplex(rng, x), simplex(rng, z, x), simplex(rng, x, z), simplex(rng, z), simplex(rng, x)) for x, z in sizes
    ]
    models = [(DiscreteModel(*tables), q) for *tables, q in cases]
    function = "(p, e, d, m, q) => new rd.exact.DiscreteModel(p, e, d, m)."
    upper = [model.generative_upper_bound(q) for model, q in models]
    check_all(laboratory, f"{function}generativeUpperBound(q)", cases, upper)
    least = [model.generative_upper_bound() for model, _ in models]
    check_all(laboratory, f"{function}generativeUpperBound()", cases, least)
    split = [dict(zip("us", model.reparametrised(q), strict=True)) for model, q in models]
    check_all(laboratory, f"{function}reparametrised(q)", cases, split)


def test_the_surgery(laboratory):
    rng = np.random.default_rng(3)
    cases, likelihoods = [], []
    for axes in (1, 2, 3) * 20:
        n, *shape = (int(size) for size in rng.integers(1, 5, axes + 1))
        encoder = simplex(rng, math.prod(shape), n).reshape(n, *shape)
        cases.append((encoder, [simplex(rng, size) for size in shape]))
        likelihoods.append(rng.normal(-3, 4, encoder.shape) * rng.choice([1, 300]))
    check_all(laboratory, "rd.exact.elboSurgery", cases, [record(SURGERY, exact.elbo_surgery(*case)) for case in cases])
    cases = [(*case, likelihood) for case, likelihood in zip(cases, likelihoods, strict=True)]
    names = ("term_by_term", "split", "evidence")
    check_all(laboratory, "rd.exact.elboForms", cases, [record(names, exact.elbo_forms(*case)) for case in cases])


def problem(rng, kind):
    """Data and a distortion, at random, squared on a line with ties, or in whole numbers and with codes barred."""
    x, z = rng.integers(1, 11, 2)
    p, d = simplex(rng, x), rng.exponential(size=(x, z))
    if kind == 1:
        d = (np.linspace(-2, 2, x)[:, None] - np.linspace(-2, 2, z)) ** 2
    elif kind == 2:
        d = np.where(rng.random((x, z)) < 0.2, np.inf, rng.integers(0, 4, (x, z)))
        d[:, 0] = 1
    return p, d


def check_points(found, expected, slope):
    """Both within their certificates of the minimum; the same to the tolerance where the search took the same way.

    Whether a Newton step lowers the objective is a matter of the last digit near the minimum, so ways may part there.
    """
    sums = [found["rate"] + slope * found["distortion"], expected.rate + slope * expected.distortion]
    assert 0 <= found["gap"] <= 1e-8
    assert abs(sums[0] - sums[1]) <= max(found["gap"], expected.gap) + TOLERANCE
    if found["iterations"] == expected.iterations:
        check_equal(found, record(POINT, expected))
    return found["iterations"] == expected.iterations


def test_blahut_and_arimoto(laboratory):
    rng = np.random.default_rng(4)
    cases = [(*problem(rng, kind % 3), rng.uniform(0.05, 15)) for kind in range(90)]
    cases += [
        ([p, 1 - p], exact.hamming(2), math.log((1 - p) / p) + off) for p in (0.1, 0.3) for off in (-1e-3, 0, 1e-3)
    ]
    cases.append(([1.0, 0.0], [[0.0, np.inf], [np.inf, 0.0]], 1.0))  # no code is left for what never occurs
    found = called(laboratory, "rd.frontiers.blahutArimoto", cases)
    same = [check_points(one, exact.blahut_arimoto(*case), case[2]) for one, case in zip(found, cases, strict=True)]
    assert np.mean(same) > 0.9
    assert max(one["iterations"] for one in found) > 100  # so Newton steps were taken
    tight = [(*case, 1e-12) for case in cases[:60:3]]
    found = called(laboratory, "rd.frontiers.blahutArimoto", tight)
    for one, case in zip(found, tight, strict=True):
        assert one["gap"] <= 1e-12
        check_equal(one, record(("rate", "distortion"), exact.blahut_arimoto(*case)), 1e-8)


def test_non_negative_least_squares(laboratory):
    rng = np.random.default_rng(12)
    cases = []
    for m, n in rng.integers(1, 21, (60, 2)):
        columns = rng.normal(rng.choice([0, 2]), 1, (n, max(m, n)))
        cases.append((columns, rng.normal(size=max(m, n)) if m % 2 else np.abs(rng.normal(size=n)) @ columns))
    expected = [nnls(columns.T, target)[0] for columns, target in cases]
    check_all(laboratory, "rd.frontiers.nonNegativeLeastSquares", cases, expected)
    assert min(map(np.count_nonzero, expected)) == 0 < max((y == 0).sum() for y in expected)


def test_a_frontier_goes_from_slope_to_slope(laboratory):
    rng = np.random.default_rng(5)
    cases = [(*problem(rng, kind % 3), np.geomspace(0.2, 10, 6)) for kind in range(15)]
    same = []
    for points, case in zip(called(laboratory, "rd.frontiers.frontier", cases), cases, strict=True):
        expected = exact.frontier(*case)
        same += [check_points(*each) for each in zip(points, expected, case[2], strict=True)]
    assert np.mean(same) > 0.9


def test_the_bernoulli_source_and_hamming(laboratory):
    rng = np.random.default_rng(6)
    shares = [0.0, 0.5, 1.0, 1e-300, *rng.random(40)]
    check_all(
        laboratory, "rd.frontiers.binaryEntropy", [[p] for p in shares], [exact.binary_entropy(p) for p in shares]
    )
    cases = [*rng.random((60, 2)), [0.3, 0.3], [0.3, 0.0], [1.0, 0.0], [0.5, 0.5]]
    check_all(laboratory, "rd.frontiers.bernoulliRate", cases, [exact.bernoulli_rate(*case) for case in cases])
    check_all(laboratory, "rd.frontiers.hamming", [[1], [2], [5]], [exact.hamming(n) for n in (1, 2, 5)])


def spectrum(rng):
    """Eigenvalues in any order, some with ties, some far apart."""
    values = np.exp(rng.normal(0, rng.choice([0.3, 1.0, 4.0]), rng.integers(1, 9)))
    return rng.choice(values, len(values)) if rng.random() < 0.3 else values


def test_linear_models(laboratory):
    rng = np.random.default_rng(7)
    fixed, learned, at_rate = [], [], []
    for _ in range(60):
        values = spectrum(rng)
        k, noise = int(rng.integers(1, len(values) + 1)), float(rng.exponential())
        fixed.append((values, rng.choice([0.0, 1.0, 2.0, rng.exponential()]), noise, k))
        learned.append((values, 1 + rng.exponential() if k == len(values) else 1 / rng.integers(1, 4), None, k))
        at_rate.append(
            (values, rng.choice([0.0, rng.exponential(5)]), rng.choice([None, noise]), rng.choice([None, k]))
        )
    flat = [
        np.full(n, value) for n in (10, 20, 30) for value in (0.1, 0.3, 0.7)
    ]  # the last threshold is 1, up to rounding
    learned += [(values, np.nextafter(1, 2)) for values in flat]
    for cases, name in ((fixed, "linear_beta_vae"), (learned, "linear_beta_vae"), (at_rate, "linear_at_rate")):
        expected = [record(LINEAR, getattr(exact, name)(*case)) for case in cases]
        check_all(laboratory, f"rd.frontiers.{camel(name)}", cases, expected)


def test_thresholds_and_water(laboratory):
    rng = np.random.default_rng(8)
    spectra = [spectrum(rng) for _ in range(40)]
    cases = {
        "collapse_thresholds": [(v, rng.choice([None, rng.exponential()])) for v in spectra],
        "gaussian_entropy": [(v,) for v in spectra],
        "gaussian_rate": [(v, rng.uniform(0.01, 1.2) * v.sum()) for v in spectra],
    }
    for name, each in cases.items():
        check_all(laboratory, f"rd.frontiers.{camel(name)}", each, [getattr(exact, name)(*case) for case in each])
    levels = [(v, rng.choice([0.0, np.inf, rng.exponential()])) for v in spectra]
    expected = [dict(zip(("rates", "errors"), exact.water_filling(*case), strict=True)) for case in levels]
    check_all(laboratory, "rd.frontiers.waterFilling", levels, expected)


def test_fronts_and_hulls(laboratory):
    rng = np.random.default_rng(9)
    clouds = [rng.normal(5, 3, (2, n)) for n in rng.integers(1, 12, 40)]
    clouds += [rng.integers(0, 5, (2, 12)).astype(float) for _ in range(20)]  # ties and coincidences
    clouds += [np.array([[0.0, 1, 2, 4], y]) for y in ([4.0, 3, 2, 0], [9.0, 5, 3, -1])]  # points in line
    for name in ("pareto_front", "lower_hull"):
        check_all(laboratory, f"rd.exact.{camel(name)}", clouds, [getattr(exact, name)(*cloud) for cloud in clouds], 0)
    at = [[*cloud, np.append(rng.uniform(-2, 12, (2, 3)), [[-np.inf], [np.inf]], 1)] for cloud in clouds]
    at += [[*cloud, float(cloud[0].mean())] for cloud in clouds] + [[[0, 2], [10, 1], np.nan]]
    check_all(laboratory, "rd.exact.hullDistortion", at, [exact.hull_distortion(*case) for case in at])


def test_the_excess(laboratory):
    rng = np.random.default_rng(10)
    cases = []
    for n in rng.integers(1, 9, 60):
        betas = rng.choice([0.0, 1.0, np.nan, rng.exponential()], n)
        errors = rng.choice(np.array([0.1, None, rng.exponential(size=n)], dtype=object), 3)
        cases.append([*rng.normal(5, 3, (2, n)), betas, *(0.0 if se is None else se for se in errors[:2]), errors[2]])
    expected = [dict(zip(("excess", "se"), exact.excess(*case), strict=True)) for case in cases]
    check_all(laboratory, "rd.exact.excess", cases, expected)
