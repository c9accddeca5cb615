"""The toy and its descent on the website against the package, in a browser."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from laboratory import called, camel, check_all, check_equal, record, simplex

from companion import exact
from companion.exact import DiscreteModel
from companion.studies import toy

PROCESS = ["p_z", "conditional", "centres", "sigma", "joint", "p_x", "posterior", "entropy", "information"]
PANELS = ["p_x", "generated", "reconstructed", "marginal", "aggregate", "class_weights", "class_aggregates"]
PANELS += ["encoder", "decoder", "reconstruction"]

pytestmark = pytest.mark.browser


def test_the_toy_process_its_model_and_its_panels(laboratory):
    rng = np.random.default_rng(11)
    cases = [[], [30, 0.5, "centres"], [2, 0.2], [15, 0.3, "tails", [0.5, 0.5]]]
    for i in range(26):
        p = rng.uniform(0.2, 0.8)
        cases.append([int(rng.integers(2, 40)), rng.uniform(0.02, 0.2), ("tails", "centres")[i % 2], [p, 1 - p]])
    processes = [exact.toy_process(*case) for case in cases]
    check_all(laboratory, "rd.toy.toyProcess", cases, [record(PROCESS, process) for process in processes])
    codes = [30, 15, 2, *rng.integers(2, 31, len(cases) - 3).tolist()]  # 15 codes: 0.7 of them is halfway
    models = [exact.optimal_toy_model(*each) for each in zip(processes, codes, strict=True)]
    by_hand = [[case, count] for case, count in zip(cases, codes, strict=True)]
    expected = [record(("p_x", "encoder", "decoder", "marginal"), model) for model in models]
    check_all(
        laboratory, "(made, codes) => rd.toy.optimalToyModel(rd.toy.toyProcess(...made), codes)", by_hand, expected
    )
    shown = [(process.p_x, process.posterior, *model[1:]) for process, model in zip(processes, models, strict=True)]
    for x, c, z in rng.integers(1, 6, (20, 3)):
        shown.append(
            (np.full(x, 1 / x), rng.dirichlet(np.ones(c), x), simplex(rng, z, x), simplex(rng, x, z), simplex(rng, z))
        )
    check_all(laboratory, "rd.toy.toyPanels", shown, [record(PANELS, exact.toy_panels(*case)) for case in shown])


OBJECTIVES = {
    "betaVae(1)": toy.elbo,
    "betaVae(0.3)": toy.beta_vae(0.3),
    "betaVae(1.5)": toy.beta_vae(1.5),
    "targetRate(0.5)": toy.target_rate(0.5),
    "targetRateSquared(0.2, 5)": toy.target_rate_squared(0.2, 5),
}


def starts(parametrisation, seeds, scale, bins, codes):
    """The starts of the package, one a seed, as the scripts spell them."""
    drawn = toy._start(parametrisation, seeds, np.full(len(seeds), scale), bins, codes)
    return [{camel(name): values[i].tolist() for name, values in drawn.items()} for i in range(len(seeds))]


@pytest.mark.parametrize("parametrisation", ["printed", "output", "table"])  # the forms that the page descends
def test_a_gradient_is_finite_differences(laboratory, parametrisation):
    """And it is torch's. At a rate on the target, where it has a kink, no start stands."""
    rng = np.random.default_rng(12)
    for objective, loss in OBJECTIVES.items():
        p = rng.dirichlet(np.ones(5))
        start = starts(parametrisation, [3], 1.0, 5, 4)[0]
        moved = [start]
        for name, values in start.items():
            for i in np.ndindex(np.shape(values)):
                for step in (-1e-5, 1e-5):
                    changed = np.array(values)
                    changed[i] += step
                    moved.append({**start, name: changed.tolist()})
        function = f"(p, start) => rd.descent.gradientAt(p, start, rd.descent.{objective}, '{parametrisation}')"
        found = called(laboratory, function, [(p, each) for each in moved])
        differences = [(above["value"] - below["value"]) / 2e-5 for below, above in pairwise(found[1:])][::2]
        gradient = np.concatenate([np.ravel(found[0]["gradient"][name]) for name in start])
        np.testing.assert_allclose(gradient, differences, atol=1e-8)
        q = toy._start(parametrisation, [3], np.ones(1), 5, 4)
        terms = toy.rates_and_distortions(torch.from_numpy(p), *toy._log_tables(parametrisation, q, 5))
        loss(*terms).sum().backward()
        torchs = np.concatenate([tensor.grad.numpy().ravel() for tensor in q.values()])
        np.testing.assert_allclose(gradient, torchs, atol=1e-12)
        assert found[0]["value"] == pytest.approx(loss(*terms).item(), abs=1e-12)


@pytest.mark.parametrize("parametrisation", ["printed", "output", "table"])  # the forms that the page descends
def test_a_descent_leads_where_the_packages_does(laboratory, parametrisation):
    """From the same starts, to the same rate at every step, for each objective and optimiser."""
    p = exact.toy_process(12).p_x
    for objective, loss in OBJECTIVES.items():
        for optimiser, learning_rate in (("adam", 0.1), ("sgd", 0.2)):
            given = {"init_scale": 0.5, "codes": 7, "steps": 80, "learning_rate": learning_rate, "optimiser": optimiser}
            models = toy.train_toys(p, parametrisation, loss, seeds=range(3), **given)
            options = f"steps: 80, learningRate: {learning_rate}, optimiser: '{optimiser}'"
            options += f", parametrisation: '{parametrisation}', objective: rd.descent.{objective}"
            expected = [
                {
                    "rate": models.rates[i],
                    "distortion": models.distortions[i],
                    "encoder": models.encoders[i],
                    "decoder": models.decoders[i],
                    "marginal": models.marginals[i],
                    "history": {"rates": models.history[:, 0, i], "distortions": models.history[:, 1, i]},
                }
                for i in range(3)
            ]
            cases = [(p, start) for start in starts(parametrisation, range(3), 0.5, 12, 7)]
            check_all(laboratory, f"(p, start) => rd.descent.descend(p, start, {{ {options} }})", cases, expected)


def test_the_starts_of_the_page_lead_to_the_rates_of_the_page(laboratory):
    """The book's atlas: from the package's starts to its rates, and from starts drawn here to rates like them."""
    process = exact.toy_process()
    scales = [0.01, 0.2, 1.0, 3.0]
    atlas = toy.train_toys(process.p_x, seeds=[0] * 4, init_scale=scales)
    own = [(process.p_x, start) for scale in scales for start in starts("table", [0], scale, 30, 30)]
    function = "(p, start) => { const { rate, distortion } = rd.descent.descend(p, start); return [rate, distortion]; }"
    check_all(laboratory, function, own, np.stack([atlas.rates, atlas.distortions], 1))
    ranges = {
        0.01: (0.0028, 0.0042),
        0.2: (0.0439, 0.0627),
        1.0: (0.4238, 0.5110),
        3.0: (1.4214, 1.7509),
    }  # of the page
    drawn = f"(p, seed, scale) => ({function})(p, rd.descent.drawStart(30, 30, seed, scale))"
    for scale, (least, most) in ranges.items():
        rates, distortions = np.transpose(called(laboratory, drawn, [(process.p_x, seed, scale) for seed in range(4)]))
        assert (rates + distortions - process.entropy < 0.002).all()
        assert (rates > 0.9 * least).all()
        assert (rates < 1.1 * most).all()


def test_a_drawn_start_is_normal_and_its_seeds_are_its_own(laboratory):
    first, again, other, half = called(
        laboratory, "rd.descent.drawStart", [[30, 30, 0], [30, 30, 0], [30, 30, 1], [30, 30, 0, 0.5]]
    )
    assert first == again != other
    np.testing.assert_allclose(half["encoder"], np.multiply(first["encoder"], 0.5))
    draws = np.concatenate([np.ravel(start[name]) for start in (first, other) for name in ("encoder", "decoder")])
    assert len(draws) == 3600
    assert abs(draws.mean()) < 4 / 60
    assert abs(draws.std() - 1) < 4 / math.sqrt(2 * 3600)
    assert abs((draws**3).mean()) < 4 * math.sqrt(15 / 3600)
    assert not any(first["marginal"])


def test_a_watcher_sees_every_model(laboratory):
    watched = """(p, start) => {
      const seen = [];
      const options = { steps: 5, watch: (step, model) => seen.push([step, model()]) };
      return { ...rd.descent.descend(p, start, options), seen };
    }"""
    [found] = called(laboratory, watched, [([0.25, 0.75], starts("table", [0], 1.0, 2, 3)[0])])
    assert [step for step, _ in found["seen"]] == [0, 1, 2, 3, 4]
    assert [model["rate"] for _, model in found["seen"]] == found["history"]["rates"]
    for _, model in found["seen"]:
        tables = DiscreteModel([0.25, 0.75], model["encoder"], model["decoder"], model["marginal"])
        check_equal(model, record(("rate", "distortion"), tables))
