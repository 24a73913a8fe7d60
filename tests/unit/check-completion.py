#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Completion as a shell does it: lines are typed into a bash on a terminal, and what it then runs is
held against what was meant: check-completion.py WARMBOOT.

"\\t" is the key that completes, and every line ends with the one that runs it. A "warmboot" that notes
its arguments stands in for the real one; only the script is the real one's.
"""
import json
import os
import pathlib
import pty
import shutil
import subprocess
import sys
import tempfile

IDS = ['grub:gnulinux-simple-1', 'grub:gnulinux-advanced-1>gnulinux-6.1', 'grub:gnulinux-advanced-1>gnulinux-6.12',
       'bls:debian', 'title:A $(touch pwned) B', "title:it's \\here"]
NOTE = f"""#!{sys.executable}
import json, sys
if sys.argv[1:] == ['list', '--ids']:
    print({chr(10).join(IDS)!r})
else:
    with open({{log!r}}, 'a') as f:
        f.write(json.dumps(sys.argv[1:]) + chr(10))
"""

# The typed line, and the arguments that the program then gets.
LINES = [
    ('rebo\tde\t', ['reboot', 'default']),
    ('load b\t', ['load', 'bls:debian']),
    ('load g\t', ['load', 'grub:gnulinux-']),
    ('load g\ts\t', ['load', 'grub:gnulinux-simple-1']),
    ('load grub:\ts\t', ['load', 'grub:gnulinux-simple-1']),
    ('load grub:g\ts\t', ['load', 'grub:gnulinux-simple-1']),
    ('load grub:gnulinux-a\t', ['load', 'grub:gnulinux-advanced-1>gnulinux-6.1']),
    ('load g\ta\t2\t--dry\t', ['load', 'grub:gnulinux-advanced-1>gnulinux-6.12', '--dry-run']),
    ('load grub\\:gnulinux-advanced-1\\>gnu\t2\t', ['load', 'grub:gnulinux-advanced-1>gnulinux-6.12']),
    ("load 'grub:gnulinux-a\t2\t", ['load', 'grub:gnulinux-advanced-1>gnulinux-6.12']),
    ('load "grub:gnulinux-advanced-1>\t2\t', ['load', 'grub:gnulinux-advanced-1>gnulinux-6.12']),
    ('load title:A\t', ['load', 'title:A $(touch pwned) B']),
    ('load title:A\\ \t', ['load', 'title:A $(touch pwned) B']),
    ('load title:i\t', ['load', "title:it's \\here"]),
    ('load --method se\t', ['load', '--method', 'segments']),
    ('load --method=se\t', ['load', '--method=segments']),
    ('load --meth\tse\tdef\t', ['load', '--method=segments', 'default']),
    ('load --method fast b\t', ['load', '--method', 'fast', 'bls:debian']),
    ('load --method=fast b\t', ['load', '--method=fast', 'bls:debian']),
    ('load --kernel vml\t', ['load', '--kernel', 'vmlinuz 1']),
    ('load --kernel=vml\t', ['load', '--kernel=vmlinuz 1']),
    ('kexec -l vml\t', ['kexec', '-l', 'vmlinuz 1']),
    ('load "" b\t', ['load', '', 'bls:debian']),
]
# Some take the colon from bash's breaks, and bash-completion is there on many machines.
SETUPS = ['', 'COMP_WORDBREAKS=${COMP_WORDBREAKS//:}']
PACKAGE = '/usr/share/bash-completion/bash_completion'


def typed(setup, script, directory, lines):
    """Type all that into a new bash. Its arguments for each command, and what it showed."""
    log = directory / 'log'
    log.write_text('')
    tools = directory / 'tools'
    tools.mkdir(exist_ok=True)
    (tools / 'warmboot').write_text(NOTE.format(log=str(log)))
    (tools / 'warmboot').chmod(0o755)
    (directory / 'rc').write_text(f'bind "set enable-bracketed-paste off"\n{setup}\n. {script}\n')
    (directory / 'files').mkdir(exist_ok=True)
    (directory / 'files/vmlinuz 1').write_text('')
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(directory / 'files')
        os.execve(shutil.which('bash'), ['bash', '--noprofile', '--rcfile', str(directory / 'rc'), '-i'],
                  {'PATH': f'{tools}:{os.environ["PATH"]}', 'TERM': 'dumb', 'PS1': '> ', 'HISTFILE': '', 'LC_ALL': 'C.UTF-8'})
    shown = b''
    for line in [f'warmboot {line}\n' for line in lines] + ['exit\n']:
        os.write(terminal, line.encode())
    try:
        while more := os.read(terminal, 4096):
            shown += more
    except OSError:  # the end of a terminal
        pass
    os.waitpid(pid, 0)
    return [json.loads(line) for line in log.read_text().splitlines()], shown.decode(errors='replace')


def main():
    if len(sys.argv) != 2:
        print('usage: check-completion.py WARMBOOT', file=sys.stderr)
        return 2
    if not shutil.which('bash'):
        print('skipped: no bash')
        return 77
    setups = SETUPS + ([f'. {PACKAGE}'] if os.path.exists(PACKAGE) else [])
    bad = []
    for setup in setups:
        with tempfile.TemporaryDirectory() as d:
            directory = pathlib.Path(d)
            script = directory / 'script'
            script.write_bytes(subprocess.run([sys.argv[1], 'completion', 'bash'], check=True, capture_output=True).stdout)
            got, shown = typed(setup, script, directory, [line for line, _ in LINES])
            for i, (line, want) in enumerate(LINES):
                if i >= len(got) or got[i] != want:
                    bad.append(f'{setup} {line!r}: {got[i] if i < len(got) else None} instead of {want}')
            left = sorted(p.name for p in (directory / 'files').iterdir())
            if left != ['vmlinuz 1']:
                bad.append(f'{setup}: files were made: {left}')
            if bad:
                print(shown)
                break
    print('\n'.join(bad), end='\n' if bad else '')
    return bool(bad)


sys.exit(main())
