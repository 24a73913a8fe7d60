# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the guest tests: the payload is what `meson install` of the build gives."""
import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import guest  # noqa: E402


@pytest.fixture(scope="session")
def payload(tmp_path_factory):
    """A tree to copy into a guest's root: warmboot as installed."""
    tree = tmp_path_factory.mktemp("payload")
    tree.chmod(0o755)
    guest.stage_install(os.environ.get("WARMBOOT_BUILD") or guest.TOP / "build", tree)
    return tree


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A guest that several tests share outlives the one that failed: its console is kept all the same."""
    outcome = yield
    guest.failed |= outcome.get_result().failed
