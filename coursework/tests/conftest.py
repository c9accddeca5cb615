"""Grading limits what a process may do in ways that Linux alone has."""

import sys

collect_ignore_glob = [] if sys.platform == "linux" else ["test_isolation.py", "test_[bcfgl]*.py"]
