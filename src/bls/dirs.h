/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The partitions of a boot loader: where they are mounted, and paths on them. */
#pragma once

#include "bls/entry.h"

/* The places of a boot loader's files: roots of its partitions, as paths of the running system. */
struct wb_boot_dirs {
	struct wb_strv paths;  /* the ESP first, if it is known */
	struct wb_strv mounts; /* those of them that are known roots of file systems */
	bool know_esp;
	bool by_id;  /* two files with one id may be one file, seen through two mounts */
	char *doubt; /* reason why the boot loader may read other files than these; or NULL */
};
/* `warn` NULL: silent. -ENOMEM. */
int wb_boot_dirs_find(
	const struct wb_files *files, struct wb_entries *warn, struct wb_boot_dirs *ret);
void wb_boot_dirs_deinit(struct wb_boot_dirs *dirs);
/*
 * Call `one` for each name in the directory `below` of each place. A directory that exists and
 * cannot be listed adds a warning to `ret`. -ENOMEM.
 */
int wb_boot_dirs_each(const struct wb_files *files, const struct wb_boot_dirs *dirs,
	const char *below,
	int (*one)(const struct wb_files *files, const char *mount, const char *name,
		const struct wb_boot_dirs *dirs, struct wb_entries *ret),
	struct wb_entries *ret);

#define WB_CLEAN_BOOT_DIRS __attribute__((cleanup(wb_boot_dirs_deinit))) struct wb_boot_dirs

/*
 * The path of a file, to be freed. `path` is how a file of the boot loader on the partition at
 * `mount` names it (with slashes or backslashes).
 */
char *wb_boot_path(const struct wb_files *files, const struct wb_boot_dirs *dirs, const char *mount,
	const char *path);
/* Has the path a "..", which leads out of a partition? */
bool wb_leads_out(const char *path);
