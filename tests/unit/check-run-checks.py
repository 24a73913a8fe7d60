#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Check what scripts/run-checks makes of guest tests that pass, fail, and fail only sometimes, without a guest."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# The tests' driver is the real one. A guest is only a console here.
TESTS = '''
    import pathlib
    import pytest
    import guest

    class Machine:
        closed = False
        def __init__(self, name):
            self.log_path = pathlib.Path(f"out/vm/{name}.console")
            self.log_path.parent.mkdir(parents=True, exist_ok=True)
            self.log_path.touch()
            guest.opened.append(self)

    @pytest.fixture(scope="module")
    def g():
        yield Machine("shared")

    def first(name):
        done = pathlib.Path(f"out/{name}-was-here")
        if done.exists():
            return False
        done.touch()
        return True

    def passes():
        pass

    def fails():
        assert False

    def fails_sometimes():
        early = first("sometimes")
        Machine("early" if early else "late").closed = True
        assert not early

    def hangs_sometimes():
        if first("hang"):
            raise guest.GuestError(guest.LOST_TIMER + ": no shell within 240 s")

    @pytest.mark.parametrize("n", range(20))
    def many_hang_sometimes(n):
        if first(f"hang-{n}"):
            raise guest.GuestError(guest.LOST_TIMER + ": no end of: true within 10 s")

    def hangs():
        raise guest.GuestError(guest.LOST_TIMER + ": no shell within 240 s")

    def hangs_and_fails():
        if first("both"):
            raise guest.GuestError(guest.LOST_TIMER + ": no shell within 240 s")
        assert False

    def fails_at_its_end_sometimes(request):
        request.addfinalizer(lambda: 1 / (not first("end")))

    def fails_with_the_shared(g):
        assert not first("shared")

    def skipped():
        pytest.skip("not here")

    def skipped_the_second_time():
        if first("skip"):
            raise ValueError
        pytest.skip("not again")

    @pytest.mark.long
    def of_hours():
        pass

    @pytest.mark.parametrize("n", range(20))
    def many(n):
        assert False
'''


# "meson test -C DIR" leaves this log of its tests.
MESON = 'test "$1" != test || [ ! "$LOG" ] || { mkdir -p "$3/meson-logs"; echo "$LOG" >"$3/meson-logs/testlog.json"; }'


def tree(tmp, wanted):
    """A project with these tests, whose build does nothing."""
    for name in ('scripts/run-checks', *(f'tests/vm/{n}.py' for n in ('conftest', 'guest', 'net', 'saved'))):
        (tmp / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp / name)
    for name, text in (('bin/meson', MESON), ('bin/ninja', ''), ('scripts/guest-image', ''),
                       ('scripts/fuzz', 'echo "fuzz $*"; test "$1" = 7'), ('scripts/make-deb', 'nice >&2')):
        (tmp / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp / name).write_text(f'#!/bin/sh\n{text}\n')
        (tmp / name).chmod(0o755)
    (tmp / 'tests/fuzz').mkdir()
    (tmp / 'tests/fuzz/meson.build').write_text("fuzz_targets = [\n  'acl',\n  'bls',\n]\n")
    text = textwrap.dedent(TESTS)
    for name in wanted:
        text = re.sub(rf'^def {name}\(', f'def test_{name}(', text, flags=re.M)
    (tmp / 'tests/vm/test_it.py').write_text(text)


def run(wanted, what='guest', **variables):
    """Exit code, summary, and the lines after pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        tree(tmp, wanted)
        env = {k: v for k, v in os.environ.items() if k not in ('FILTER', 'PYTEST_ARGS', 'WARMBOOT_LOGS')}
        env |= {'PATH': f'{tmp}/bin:' + env['PATH'], **variables}
        done = subprocess.run([tmp / 'scripts/run-checks', what], env=env, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        print(done.stdout)
        tail = done.stdout[done.stdout.rindex(' in '):].splitlines()[1:]
        return done.returncode, (tmp / 'out/summary').read_text(), [line for line in tail if line]


def test(name):
    return f'FAILED: tests/vm/test_it.py::test_{name}'


def sometimes(name):
    return test(name) + ' (passed when tried again: find the reason of its first failure)'


def main():
    # The build and the image count, too.
    assert run(['passes', 'skipped']) == (0, '3 passed, 0 failed\n', ['check: all 3 tests passed'])
    assert run(['passes', 'fails']) == (
        1, '3 passed, 1 failed\n', [test('fails'), 'check: 1 of 4 tests failed'])
    code, summary, lines = run(['passes', 'fails_sometimes'])
    assert (code, summary) == (1, '3 passed, 1 failed\n')
    assert lines == [sometimes('fails_sometimes'), '        out/vm/early.console', 'check: 1 of 4 tests failed'], lines
    assert run(['fails_at_its_end_sometimes', 'fails_with_the_shared', 'skipped_the_second_time']) == (
        1, '2 passed, 3 failed\n', [
            sometimes('fails_at_its_end_sometimes'),
            sometimes('fails_with_the_shared'), '        out/vm/shared.console',
            test('skipped_the_second_time'), '        out/vm/shared.console', 'check: 3 of 5 tests failed'])
    # The emulator's fault is no test's, if the test passes without it.
    code, summary, lines = run(['passes', 'hangs_sometimes', 'many_hang_sometimes'])
    assert (code, summary) == (0, '24 passed, 0 failed\n')
    code, summary, lines = run(['passes', 'hangs', 'hangs_and_fails', 'fails_sometimes'])
    assert (code, summary) == (1, '3 passed, 3 failed\n')
    assert lines == [sometimes('fails_sometimes'), '        out/vm/early.console', test('hangs'),
                     test('hangs_and_fails'), 'check: 3 of 6 tests failed'], lines
    code, summary, lines = run(['passes', 'of_hours'], 'long', FUZZ_SECONDS='7')
    assert (code, summary) == (0, '4 passed, 0 failed\n')
    assert lines[0] == 'fuzz 7 acl bls' and lines[1].startswith('ok      2 fuzz targets for 7 s each'), lines
    code, summary, lines = run(['passes', 'of_hours'], 'long', FUZZ_SECONDS='8')
    assert (code, summary) == (1, '3 passed, 1 failed\n')
    # Beside the guests, which have a summary of their own.
    unit = '{"name": "a", "result": "OK"}'
    code, summary, lines = run(['passes', 'fails'], 'all', LOG=unit)
    assert (code, summary) == (1, '9 passed, 1 failed\n')
    assert lines == [test('fails'), 'check: 1 of 10 tests failed'], lines
    # Tests that were not run have not passed.
    code, summary, lines = run(['passes'], 'all')
    assert (code, summary) == (1, '6 passed, 3 failed\n')
    assert lines[0] == 'FAILED: build: meson test left no log of its tests', lines
    code, summary, lines = run(['skipped'])
    assert (code, lines[0]) == (1, 'FAILED: no guest test was run'), lines
    code, summary, lines = run(['passes'], PYTEST_ARGS='--junitxml=elsewhere.xml')
    assert (code, lines[0]) == (1, 'FAILED: pytest left no report of its tests'), lines
    code, summary, lines = run(['passes'], FILTER='nothing')
    assert (code, lines[0]) == (1, 'FAILED: FILTER=nothing matches no test'), lines
    assert run(['passes', 'fails'], FILTER='passes')[0] == 0
    # The one side goes on when the other breaks off.
    code, summary, lines = run(['passes'], 'all', LOG='{"without": "a name"}')
    assert (code, summary) == (1, '3 passed, 1 failed\n')
    assert lines == ['FAILED: unit_tests broke off', 'check: 1 of 4 tests failed'], lines
    # Meson's log: one test passed, in each flavour, and one line is damaged.
    code, summary, lines = run(['passes'], 'all', LOG=unit + '\n{')
    assert (code, summary) == (1, '9 passed, 3 failed\n')
    # So many are not tried again.
    code, summary, lines = run(['passes', 'many', 'fails_sometimes'])
    assert (code, summary) == (1, '3 passed, 21 failed\n')
    assert test('fails_sometimes') in lines, lines


sys.exit(main())
