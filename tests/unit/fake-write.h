/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that were written, linked and removed, one line each, and the last contents of each file.
 */
#pragma once

#include "fake-files.h"
#include "sys/sys.h"

#define FAKE_WRITE_MOST 64

struct fake_write {
	struct wb_files files;
	struct wb_sys sys;
	struct {
		char path[256], text[8192];
		unsigned mode;
	} written[FAKE_WRITE_MOST];
	size_t n;
	char links[16384]; /* "PATH -> TARGET\n" */
	int result;        /* negative errno that every write gives */
};

void fake_write_init(struct fake_write *fake, const struct fake_file *list);
/* Contents of the file last written to this path, or NULL. */
const char *fake_written(const struct fake_write *fake, const char *path);
/* For ops that have one: ctx is the struct fake_write. */
int fake_symlink(void *ctx, const char *target, const char *path);
