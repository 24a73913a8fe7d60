#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hold the JSON that a unit test writes into $WB_SAMPLES against a schema of docs/: check-schema.py TEST-PROGRAM SCHEMA."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile


def main():
    try:
        import jsonschema
    except ImportError:
        print('skipped: no jsonschema')
        return 77
    validator = jsonschema.Draft7Validator(json.loads(pathlib.Path(sys.argv[2]).read_text()))
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run([sys.argv[1]], check=True, capture_output=True, env=dict(os.environ, WB_SAMPLES=tmp))
        samples = [json.loads(p.read_text()) for p in pathlib.Path(tmp).glob('*.json')]
    bad = [f'{"/".join(map(str, e.path))}: {e.message}' for s in samples for e in validator.iter_errors(s)]
    # The schema itself refuses something.
    if not samples or not list(validator.iter_errors({**samples[0], 'version': 0})):
        bad.append('no sample, or a schema that takes anything')
    print('\n'.join(bad), end='\n' if bad else '')
    return bool(bad)


sys.exit(main())
