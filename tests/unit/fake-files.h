/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * struct wb_files over a list in the test itself:
 *
 *	static const struct fake_file disk[] = {
 *		{"/etc/os-release", "ID=debian\n"},
 *		{"/vmlinuz", .link = "boot/vmlinuz-6.12.1"},
 *		{"/boot/secret", .error = -EACCES},
 *		{},
 *	};
 *	struct wb_files files = fake_files(disk);
 *
 * Directories exist when something lies below them. A symbolic link is followed wherever it
 * stands in a path, as the kernel does it.
 */
#pragma once

#include "core/files.h"

struct fake_file {
	const char *path; /* absolute; NULL ends the list */
	const char *text; /* contents; NULL: empty, and no error */
	size_t size;      /* bytes of text; 0: strlen(text) */
	const char *link; /* target: the file is a symbolic link */
	int error;        /* negative errno that reading (or listing) it gives */
	bool foreign;     /* somebody else than root can write to it */
};

/* The list must outlive the result. */
struct wb_files fake_files(const struct fake_file *list);
