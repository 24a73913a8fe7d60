// SPDX-License-Identifier: LGPL-2.1-or-later
/* Weights of control groups while units are restored early. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/strv.h"
#include "restore/early-weight.h"

/* Ten times that of process 1's group: the boot goes on, if slowly. */
#define RAISED 1000

static struct wb_early_raised *find(wb_early_weights *weights, const char *path)
{
	struct wb_early_raised *w;

	for (size_t i = 0; i < weights->n; i++)
		if (!strcmp(weights->items[i].path, path))
			return &weights->items[i];
	w = wb_list_add(weights, sizeof(*w));
	if (!w)
		return NULL;
	*w = (struct wb_early_raised){.path = strdup(path)};
	if (w->path)
		return w;
	weights->n--;
	return NULL;
}

static void write_weight(const struct wb_runner *runner, const char *path, uint64_t weight)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, weight);
	runner->poke(runner->ctx, path, text);
}

/* The least weight is 1, and 0 stands for a group without the controller. */
static int raise_one(const struct wb_files *files, const struct wb_runner *runner,
	wb_early_weights *weights, const char *path)
{
	uint64_t now = wb_read_number(files, path);
	struct wb_early_raised *w;

	if (!now || now >= RAISED)
		return 0;
	w = find(weights, path);
	if (!w)
		return -ENOMEM;
	w->before = now;
	write_weight(runner, path, RAISED);
	return 0;
}

int wb_early_weights_raise(const struct wb_files *files, const struct wb_runner *runner,
	wb_early_weights *weights, const char *root, const char *cgroup)
{
	int r = 0;

	for (const char *end = cgroup; r == 0 && *end;) {
		WB_CLEAN_STR path = NULL;

		end = strchrnul(end + 1, '/');
		path = wb_strf("%s%.*s/cpu.weight", root, (int)(end - cgroup), cgroup);
		r = path ? raise_one(files, runner, weights, path) : -ENOMEM;
	}
	return r;
}

void wb_early_weights_back(
	const struct wb_files *files, const struct wb_runner *runner, wb_early_weights *weights)
{
	for (size_t i = 0; i < weights->n; i++) {
		const struct wb_early_raised *w = &weights->items[i];

		if (wb_read_number(files, w->path) == RAISED)
			write_weight(runner, w->path, w->before);
		free(w->path);
	}
	free(weights->items);
	*weights = (wb_early_weights){};
}
