# SPDX-License-Identifier: LGPL-2.1-or-later
"""Write the static init as a C array: embed.py BINARY OUT.c"""
import pathlib
import sys

data = pathlib.Path(sys.argv[1]).read_bytes()
rows = '\n'.join('\t' + ' '.join(f'{b},' for b in data[i:i + 24]) for i in range(0, len(data), 24))
pathlib.Path(sys.argv[2]).write_text(
    '#include "warminit/warminit.h"\n\n'
    f'const uint8_t wb_warm_init[] = {{\n{rows}\n}};\n'
    f'const size_t wb_warm_init_size = {len(data)};\n')
