# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the guest tests: the payload is what `meson install` of the build gives."""
import contextlib
import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import guest  # noqa: E402
from net import Network  # noqa: E402


guest.Guest.lean = True


@pytest.fixture(scope="session")
def payload(tmp_path_factory):
    """A tree to copy into a guest's root: warmboot as installed."""
    tree = tmp_path_factory.mktemp("payload")
    tree.chmod(0o755)
    guest.stage_install(os.environ.get("WARMBOOT_BUILD") or guest.TOP / "build", tree)
    return tree


@pytest.fixture(scope="module")
def network():
    """What lies beside a guest, for those who hold connections to it; a machine without it skips them."""
    with contextlib.ExitStack() as stack:
        try:
            net = stack.enter_context(Network())
        except RuntimeError as e:
            pytest.skip(str(e))
        yield net


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A guest that several tests share outlives the one that failed: its console is kept all the same."""
    outcome = yield
    guest.failed |= outcome.get_result().failed
