// SPDX-License-Identifier: LGPL-2.1-or-later
/* The draft of the manifest, by which the freeze at the end of the shutdown knows what to do. */
#include <string.h>

#include "core/text.h"
#include "keep/freeze.h"
#include "session/keeping-parts.h"
#include "session/request.h"

void wb_keeping_need(struct wb_keeping *k, struct wb_manifest_unit *u, uint64_t bytes)
{
	uint64_t share = bytes + bytes / 100 * WB_KEEPING_MARGIN_PERCENT;

	if (__builtin_add_overflow(k->bytes, bytes, &k->bytes))
		k->bytes = UINT64_MAX;
	if (share < bytes || share > (uint64_t)(INT64_MAX - u->share_bytes))
		u->share_bytes = INT64_MAX;
	else
		u->share_bytes += (int64_t)share;
}

int wb_keeping_write_draft(
	const struct wb_session_host *h, struct wb_keeping *k, struct wb_error *err)
{
	struct wb_store_info info = wb_store_info(k->store);
	struct wb_error local = {};
	WB_CLEAN_STR text = NULL;
	char nonce[33];
	int r;

	wb_hex_write(info.nonce, 16, nonce);
	wb_text_replace(&k->draft.nonce, nonce);
	k->draft.version = WB_MANIFEST_VERSION;
	k->draft.tsc_hz = (int64_t)wb_rate_hz(h->sys, &k->begin);
	r = wb_manifest_write(&k->draft, &text, err);
	if (r < 0)
		return r;
	r = h->sys->write_file(h->sys->ctx, WB_FREEZE_DRAFT, wb_text(text), 0600);
	if (r == 0)
		return 0;
	wb_fail(&local, r, "cannot write %s: %s", WB_FREEZE_DRAFT, strerror(-r));
	return wb_no_room(&local, err);
}
