"""The theorem of *How far below the truth?* on certifying an information, on pools that can be enumerated."""

from collections import defaultdict
from itertools import permutations, product
from math import log, prod

import numpy as np
import pytest

from companion import exact

POPULATION = {"a": 0.5, "b": 0.3, "c": 0.2}
POOL = 4


def pools():
    """Every pool of ``POOL`` images, with its probability."""
    for members in product(POPULATION, repeat=POOL):
        yield members, prod(POPULATION[x] for x in members)


@pytest.mark.verifies("thm-truth-pool")
@pytest.mark.parametrize("n", [1, 2, 3])
def test_draws_of_different_members_of_a_pool_are_draws_of_the_population(n):
    found = defaultdict(float)
    for members, chance in pools():
        places = list(permutations(range(POOL), n))  # n different members, all orders alike
        for place in places:
            found[tuple(members[i] for i in place)] += chance / len(places)
    for images in product(POPULATION, repeat=n):
        assert found[images] == pytest.approx(prod(POPULATION[x] for x in images))


@pytest.mark.verifies("thm-truth-pool")
def test_a_pool_holds_no_more_information_than_the_logarithm_of_its_size():
    encoder = np.random.default_rng(0).dirichlet(np.full(6, 0.2), size=3)
    for members, _ in pools():
        p = np.array([members.count(x) / POOL for x in POPULATION])
        assert exact.mutual_information(p[:, None] * encoder) <= log(len(set(members))) + 1e-12


@pytest.mark.verifies("thm-truth-pool")
@pytest.mark.parametrize("n", [10, 100, 1000, 60_000])
@pytest.mark.parametrize("larger", [1, 3, 50])
def test_a_pool_of_the_square_shows_no_member_twice_half_of_the_time(n, larger):
    size = larger * n**2
    unseen = np.exp(np.log1p(-np.arange(n) / size).sum())
    assert unseen >= 1 - n**2 / (2 * size) >= 1 / 2
    assert unseen == pytest.approx(np.exp(-(n**2) / (2 * size)), rel=0.2)


@pytest.mark.verifies("thm-truth-pool")
def test_what_holds_for_pools_nearly_holds_for_the_population():
    """Whatever two images make a limit pass log(K): its chance under the population, and the mean under the pools."""
    n, bound = 2, 1 - 2**2 / (2 * POOL)
    pairs = list(product(POPULATION, repeat=n))
    alone = np.array([prod(POPULATION[x] for x in images) for images in pairs])
    pooled = np.zeros(len(pairs))
    for members, chance in pools():
        for images in product(members, repeat=n):
            pooled[pairs.index(images)] += chance / POOL**n
    assert pooled.sum() == pytest.approx(1)
    passing = np.array(list(product((0, 1), repeat=len(pairs))))  # every set of pairs that may make it pass
    assert (passing @ alone * bound <= passing @ pooled + 1e-12).all()
    assert (passing @ alone > passing @ pooled).any()  # the population does exceed the pools: the factor is needed
