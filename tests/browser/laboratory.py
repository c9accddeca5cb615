"""What the tests of the scripts share: calls in the browser, the comparison of results, and tables to draw.

A number of order one must agree to 1e-9; a larger one to the same share of its size. Infinities and NaN are the same.
"""

import numpy as np

TOLERANCE = 1e-9


def called(page, function, cases):
    """What the JavaScript ``function`` makes of each of ``cases``, lists of arguments; arrays become lists."""
    return page.evaluate(f"cases => cases.map((args) => ({function})(...args))", [plain(case) for case in cases])


def plain(value):
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(map(str.capitalize, rest))


def record(names, found):
    """The attributes ``names`` of a record of the package, as the scripts spell them."""
    return {camel(name): getattr(found, name) for name in names}


def check_equal(found, expected, tolerance=TOLERANCE):
    """Equal shapes, keys and numbers, all the way down."""
    if isinstance(expected, dict):
        assert expected.keys() <= found.keys()
        for key in expected:
            check_equal(found[key], expected[key], tolerance)
    else:
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
        assert np.shape(found) == np.shape(expected)


def check_all(page, function, cases, expected, tolerance=TOLERANCE):
    found = called(page, function, cases)
    assert len(found) == len(expected) == len(cases) > 0
    for one, other in zip(found, expected, strict=True):
        check_equal(one, other, tolerance)


def simplex(rng, size, rows=None):
    """Distributions, in turn spread, spiky, with zeros, on one entry, and with entries near the smallest number."""
    table = rng.dirichlet(np.full(size, rng.choice([0.05, 1.0, 10.0])), rows)
    kind = rng.integers(5)
    if kind == 2:
        table = table * (rng.random(table.shape) < 0.6)
    elif kind == 3:
        table = table == table.max(-1, keepdims=True)
    elif kind == 4:
        table = np.where(rng.random(table.shape) < 0.3, 1e-300, table)
    table = table + (table.sum(-1, keepdims=True) == 0)
    return table / table.sum(-1, keepdims=True)
