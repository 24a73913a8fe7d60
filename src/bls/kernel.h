/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The release of a kernel file. */
#pragma once

#include "core/files.h"

/* Kernel release: from the x86 boot header, else from the file's name; NULL unknown. To be freed. */
char *wb_entry_release(const struct wb_files *files, const char *kernel);
