// SPDX-License-Identifier: LGPL-2.1-or-later
/* The freeze of kept units by the draft, and the end of their state. */
#include <stdlib.h>
#include <string.h>

#include "core/crew.h"
#include "jump/jump.h"
#include "keep/freeze.h"
#include "session/keeping.h"
#include "systemd/spare.h"

int wb_keeping_freeze(
	const struct wb_session_host *h, bool strict, struct wb_manifest *ret, struct wb_error *err)
{
	WB_CLEAN_MANIFEST m = {};
	WB_CLEAN_STORE store = NULL;
	WB_CLEAN_BLOB text = {};
	WB_CLEAN_RECORD staged = {};
	struct wb_freeze_host host = {
		.sys = h->sys,
		.ways = h->ways,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	struct wb_freeze_ops ops = h->freezing(&host);
	struct wb_freeze f = {.ops = &ops,
		.ways = h->ways,
		.host.sys = h->sys,
		.host.loaded = &m,
		.strict = strict,
		.workers = wb_crew_waiters()};
	int r = h->sys->files->read(h->sys->files->ctx, WB_FREEZE_DRAFT, 64u << 20, &text, err);

	if (r == 0)
		r = wb_manifest_parse(wb_blob_view(&text), NULL, &m, err);
	if (r == 0)
		r = wb_store_open(h->store, &store, err);
	if (r < 0)
		return r;
	if (wb_record_read(h->sys->files, WB_RECORD_STAGED, &staged, NULL) == 0)
		host.release = staged.to;
	host.criu = m.criu;
	host.restart_since = host.shutdown_since = (uint64_t)m.silence_since_ns;
	f.store = store;
	/* From here on systemd starts no second instance of a frozen unit, neither now nor after the dump ends it. */
	r = h->sys->write_file(h->sys->ctx, WB_SPARE_FROZEN, (struct wb_bytes){}, 0600);
	if (r < 0)
		wb_fail(err, r, "cannot write %s: %s", WB_SPARE_FROZEN, strerror(-r));
	else
		r = wb_freeze_all(&f, &m, err);
	for (size_t i = 0; i < host.lost.n; i++)
		wb_tell_warning(h, "%s", host.lost.items[i]);
	wb_strv_deinit(&host.lost);
	if (r < 0) {
		h->sys->remove_file(h->sys->ctx, WB_SPARE_FROZEN);
		/*
		 * The machine may jump nevertheless, and no memory of the services must be left in the store then. With
		 * `strict` it does not, and the caller drops the store when saved guests are back from it.
		 */
		if (!strict)
			wb_store_scrub(store);
		return r;
	}
	*ret = m;
	m = (struct wb_manifest){};
	return 0;
}

void wb_keeping_release(const struct wb_session_host *h, struct wb_keeping *k)
{
	wb_store_close(k->store);
	k->store = NULL;
	wb_store_drop(h->store, NULL);
}

void wb_keeping_deinit(struct wb_keeping *k)
{
	wb_store_close(k->store);
	wb_strv_deinit(&k->spared);
	wb_strv_deinit(&k->idle);
	wb_blob_deinit(&k->before);
	free(k->masked);
	wb_strv_deinit(&k->modules);
	free(k->guests);
	for (size_t i = 0; i < k->bound.n; i++)
		wb_strv_deinit(&k->bound.items[i]);
	free(k->bound.items);
	for (size_t i = 0; i < k->beside.n; i++)
		wb_strv_deinit(&k->beside.items[i]);
	free(k->beside.items);
	wb_manifest_deinit(&k->draft);
}
