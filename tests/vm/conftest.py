# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures of the guest tests. The payload is the tree that `meson install` of the build makes."""
import contextlib
import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import guest  # noqa: E402
from net import Network  # noqa: E402


guest.Guest.lean = guest.Guest.saved = True


def pytest_configure(config):
    config.addinivalue_line("markers", "long: only in `make check-long`, which has the time that the gate has not")


def pytest_collection_modifyitems(items):
    """Packages come last: scripts/run-checks builds them meanwhile."""
    items.sort(key=lambda item: item.path.name == "test_deb.py")


@pytest.fixture(scope="session")
def payload(tmp_path_factory):
    """A tree to copy into a guest's root: warmboot as installed."""
    tree = tmp_path_factory.mktemp("payload")
    tree.chmod(0o755)
    guest.stage_install(os.environ.get("WARMBOOT_BUILD") or guest.TOP / "build", tree)
    return tree


@pytest.fixture(scope="module")
def network():
    """A network beside a guest, for tests with connections to it; a machine without one skips them."""
    with contextlib.ExitStack() as stack:
        try:
            net = stack.enter_context(Network())
        except RuntimeError as e:
            pytest.skip(str(e))
        yield net


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep the consoles of a failed test's guests, a shared one too, and name them in pytest's XML for run-checks."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        guest.failed = True
        consoles = [("console", str(g.log_path)) for g in guest.opened]
        item.user_properties += consoles
        if report.when == "teardown":  # the last chance: this report copied them before
            report.user_properties += consoles
    guest.opened[:] = [g for g in guest.opened if not g.closed]
