// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which kernels a jump leads from and to, for the ledger of kernel pairs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "session/pairs.h"
#include "sys/machine.h"

void wb_pair_ids_deinit(struct wb_pair_ids *ids)
{
	free(ids->from);
	free(ids->from_name);
	free(ids->to);
	free(ids->to_name);
	*ids = (struct wb_pair_ids){};
}

/* Kernels of different releases are different, so most need not be unpacked. */
static int read_image(const struct wb_pairs *pairs, const struct wb_image *image, size_t limit,
	struct wb_pair_ids *ids)
{
	struct wb_pairs_query query = {.from = ids->from, .from_name = ids->from_name};
	int r = wb_image_kernel_name(image, &ids->to_name, NULL);

	if (r == -ENOMEM)
		return r;
	query.to_name = ids->to_name;
	if (ids->to_name && !wb_pairs_ask_for_next(pairs, &query)) {
		ids->to = strdup(ids->to_name);
		return ids->to ? 0 : -ENOMEM;
	}
	return wb_image_kernel_id(image, limit, &ids->to, NULL);
}

static size_t spare_memory(const struct wb_sys *sys)
{
	uint64_t spare = wb_available_memory(sys->files) / 4;

	/* To read() 0 is no limit. */
	return !spare ? 1 : spare < WB_IMAGE_LIMIT ? (size_t)spare : (size_t)WB_IMAGE_LIMIT;
}

static int read_next(const struct wb_sys *sys, const struct wb_entry *e,
	const struct wb_pairs *pairs, struct wb_pair_ids *ids)
{
	size_t limit = spare_memory(sys);
	WB_CLEAN_BLOB file = {};
	WB_CLEAN_IMAGE image = {};
	int r = sys->files->read(sys->files->ctx, e->kernel, limit, &file, NULL);

	if (r == 0)
		r = wb_image_open_profile(wb_blob_view(&file), limit, e->profile, &image, NULL);
	return r < 0 ? r : read_image(pairs, &image, limit, ids);
}

int wb_session_kernel_name(const struct wb_sys *sys, const char *kernel, char **ret)
{
	size_t limit = spare_memory(sys);
	WB_CLEAN_BLOB file = {};
	WB_CLEAN_IMAGE image = {};
	int r = sys->files->read(sys->files->ctx, kernel, limit, &file, NULL);

	if (r == 0)
		r = wb_image_open_profile(wb_blob_view(&file), limit, 0, &image, NULL);
	if (r == 0)
		r = wb_image_kernel_name(&image, ret, NULL);
	return r == -ENOMEM ? r : 0;
}

int wb_session_pair(const struct wb_sys *sys, const struct wb_entry *entry, struct wb_pair_ids *ret)
{
	struct wb_pairs_query query = {};
	WB_CLEAN_PAIR_IDS ids = {};
	WB_CLEAN_PAIRS pairs = {};
	int r = wb_running_kernel_id(sys->files, &ids.from, &ids.from_name, NULL);

	if (r == 0)
		r = wb_pairs_read(sys->files, &pairs, NULL);
	query = (struct wb_pairs_query){.from = ids.from, .from_name = ids.from_name};
	if (r == 0 && wb_pairs_ask_for_next(&pairs, &query))
		r = read_next(sys, entry, &pairs, &ids);
	if (r == -ENOMEM)
		return r;
	*ret = ids;
	ids = (struct wb_pair_ids){};
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
