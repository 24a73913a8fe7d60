// SPDX-License-Identifier: LGPL-2.1-or-later
/* Compares open files outside of a sandbox with the machine's files of the same names. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "survey/externals.h"

static bool is_outside(const struct wb_proc *p, const struct wb_proc_fd *fd)
{
	for (size_t i = 0; i < p->mounts.n; i++)
		if (p->mounts.items[i].id == fd->mount)
			return false;
	return *fd->link == '/';
}

static bool leads_to(int file, int named)
{
	struct stat a, b;

	return fstat(file, &a) == 0 && fstat(named, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static void look_at(int64_t pid, struct wb_proc_fd *fd, const struct wb_ns_ops *machine)
{
	char path[64];
	int file, named;

	snprintf(path, sizeof(path), "/proc/%lld/fd/%lld", (long long)pid, (long long)fd->fd);
	file = open(path, O_PATH | O_CLOEXEC);
	if (file < 0)
		return;
	named = machine->open_machine(machine->ctx, fd->link);
	fd->machines = named >= 0 && leads_to(file, named) &&
		       wb_identity_of(file, &fd->identity, NULL) == 0;
	if (named >= 0)
		close(named);
	close(file);
}

bool wb_externals_may(const struct wb_unit_texts *definition, const char *path)
{
	return !strcmp(path, "/dev/null") ||
	       (definition && wb_definition_names_stream(definition, path));
}

void wb_externals_find(struct wb_procs *procs, const struct wb_unit_texts *definition,
	const struct wb_ns_ops *machine)
{
	for (size_t i = 0; i < procs->n; i++) {
		struct wb_proc *p = &procs->items[i];

		for (size_t k = 0; k < p->fds.n; k++)
			if (is_outside(p, &p->fds.items[k]) &&
				wb_externals_may(definition, p->fds.items[k].link))
				look_at(p->pid, &p->fds.items[k], machine);
	}
}
