# SPDX-License-Identifier: LGPL-2.1-or-later
"""Write a static program as a C array: embed.py BINARY OUT.c [HEADER NAME]"""
import pathlib
import sys

data = pathlib.Path(sys.argv[1]).read_bytes()
header, name = sys.argv[3:5] if len(sys.argv) > 3 else ('warminit/warminit.h', 'wb_warm_init')
rows = '\n'.join('\t' + ' '.join(f'{b},' for b in data[i:i + 24]) for i in range(0, len(data), 24))
pathlib.Path(sys.argv[2]).write_text(
    f'#include "{header}"\n\n'
    f'const uint8_t {name}[] = {{\n{rows}\n}};\n'
    f'const size_t {name}_size = {len(data)};\n')
