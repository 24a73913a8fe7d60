// SPDX-License-Identifier: LGPL-2.1-or-later
/* The regions of memory that the next kernel sets aside: for stores, and for the memory of guests. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/span.h"
#include "session/request.h"
#include "store/region.h"

static void add_word(
	const struct wb_sys *sys, struct wb_request *req, const struct wb_store_region *region)
{
	size_t n = strlen(req->regions);
	char word[WB_ARCH_WORD];

	wb_store_region_word(sys->files, region, word);
	snprintf(req->regions + n, sizeof(req->regions) - n, "%s%s", n ? " " : "", word);
	req->options.region_word = req->regions;
}

/* A user who may not read the files may not load, either. */
int wb_request_find_regions(const struct wb_sys *sys, struct wb_request *req, struct wb_error *err)
{
	*req->regions = '\0';
	for (enum wb_region_use use = 0; use < WB_REGION_USES; use++) {
		struct wb_store_region region;
		int r = wb_store_region_read(sys->files, use, &region, err);

		if (r == 0)
			add_word(sys, req, &region);
		else if (r != -ENOENT && r != -EACCES)
			return r;
	}
	return 0;
}

/* All that the next kernel leaves alone by this load. To be freed. */
static int taken(const struct wb_load_options *o, struct wb_handoff_range **ret, size_t *ret_n)
{
	size_t n = o->store ? o->store->n_ranges : 0;
	struct wb_handoff_range *all = calloc(n + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	if (n)
		memcpy(all, o->store->ranges, n * sizeof(*all));
	/* Guests become one piece of the map. */
	if (o->n_guests) {
		wb_span_around(o->guests, o->n_guests, &all[n].start, &all[n].size);
		n++;
	}
	*ret = all;
	*ret_n = n;
	return 0;
}

/* The words without that of a region that has no place. */
static int leave_out(
	const struct wb_session_host *h, struct wb_request *req, const struct wb_error *why)
{
	struct wb_store_region region;

	wb_tell_warning(h,
		"the next kernel sets no region aside for guests yet, since the store or guests "
		"lie "
		"in the only place for it: %s",
		why->text);
	*req->regions = '\0';
	req->options.region_word = NULL;
	if (wb_store_region_read(h->sys->files, WB_REGION_STORE, &region, NULL) == 0)
		add_word(h->sys, req, &region);
	return 0;
}

int wb_request_settle_regions(
	const struct wb_session_host *h, struct wb_request *req, struct wb_error *err)
{
	struct wb_handoff_range *pieces;
	struct wb_store_region region;
	struct wb_error why = {};
	size_t n;
	int r = taken(&req->options, &pieces, &n);

	if (r < 0)
		return wb_oom(err);
	r = n ? wb_store_region_settle(h->sys, WB_REGION_VM, pieces, n, &region, &why) : -ENOENT;
	free(pieces);
	if (r == -ENOENT || r == -EACCES)
		return 0;
	if (r == -ENOSPC)
		return leave_out(h, req, &why);
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	return wb_request_find_regions(h->sys, req, err);
}
