// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which kernels a jump leads from and to, for the ledger of kernel pairs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "session/pairs.h"
#include "sys/machine.h"

/* The kernel of a boot entry. `file` and `image` are to be freed, and `file` outlives `image`. */
static int open_kernel(const struct wb_sys *sys, const struct wb_entry *e, size_t limit,
	struct wb_blob *file, struct wb_image *image, struct wb_error *err)
{
	/* To read() 0 is no limit. */
	int r = sys->files->read(sys->files->ctx, e->kernel, limit ? limit : 1, file, err);

	return r < 0 ? r : wb_image_open_profile(wb_blob_view(file), limit, e->profile, image, err);
}

int wb_session_next_kernel(const struct wb_sys *sys, const struct wb_entry *e,
	const struct wb_pairs *pairs, const char *from, char **ret, struct wb_error *err)
{
	uint64_t spare = wb_available_memory(sys->files) / 4;
	size_t limit = spare < WB_IMAGE_LIMIT ? (size_t)spare : (size_t)WB_IMAGE_LIMIT;
	WB_CLEAN_BLOB file = {};
	WB_CLEAN_IMAGE image = {};
	WB_CLEAN_STR name = NULL;
	int r = open_kernel(sys, e, limit, &file, &image, err);

	if (r < 0)
		return r;
	/* Kernels of different releases are different, so most need not be unpacked. */
	if (wb_image_kernel_name(&image, &name, NULL) == 0 &&
		!wb_pairs_ask_for_next(pairs, from, name)) {
		*ret = name;
		name = NULL;
		return 0;
	}
	return wb_image_kernel_id(&image, limit, ret, err);
}

int wb_session_pair(
	const struct wb_sys *sys, const struct wb_entry *entry, char **ret_from, char **ret_to)
{
	WB_CLEAN_STR from = NULL;
	WB_CLEAN_STR name = NULL;
	WB_CLEAN_STR to = NULL;
	WB_CLEAN_PAIRS pairs = {};
	int r = wb_running_kernel_id(sys->files, &from, &name, NULL);

	if (r == 0)
		r = wb_pairs_read(sys->files, &pairs, NULL);
	if (r == 0 && wb_pairs_ask_for_next(&pairs, from, NULL))
		r = wb_session_next_kernel(sys, entry, &pairs, from, &to, NULL);
	if (r == -ENOMEM)
		return r;
	*ret_from = from;
	*ret_to = to;
	from = to = NULL;
	return 0;
}

void wb_ledger_deinit(struct wb_ledger *l)
{
	wb_pairs_deinit(&l->pairs);
	wb_machine_class_deinit(&l->class);
	free(l->running);
	free(l->running_name);
	*l = (struct wb_ledger){};
}

int wb_session_ledger(const struct wb_sys *sys, struct wb_ledger *ret, struct wb_error *err)
{
	WB_CLEAN_LEDGER l = {};
	int r = wb_pairs_read(sys->files, &l.pairs, err);

	if (r == 0)
		r = wb_machine_class_read(sys->files, &l.class, err);
	if (r == 0)
		r = wb_running_kernel_id(sys->files, &l.running, &l.running_name, err);
	if (r < 0)
		return r;
	*ret = l;
	l = (struct wb_ledger){};
	return 0;
}
