"""Grading limits what a process may do in ways that Linux alone has."""

import sys

import pytest
from forks import Forks

from elbo_coursework import sandbox

collect_ignore_glob = [] if sys.platform == "linux" else ["test_isolation.py", "test_[bcfgl]*.py"]


@pytest.fixture(scope="session")
def forks(tmp_path_factory):
    """What forks the processes of students' code."""
    held = Forks(tmp_path_factory.mktemp("forks"))
    yield held
    held.close()


@pytest.fixture
def forked(forks, monkeypatch):
    """Students' code runs in forks, without a jail."""
    monkeypatch.setattr(sandbox, "started", forks.started)
