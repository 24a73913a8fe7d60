// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>

#include "jump/record.h"
#include "keep/revive.h"

int wb_revive_open(const struct wb_sys *sys, const struct wb_store *store, struct wb_manifest *ret,
	struct wb_error *err)
{
	struct wb_store_info info = wb_store_info(store);
	WB_CLEAN_MANIFEST m = {};
	WB_CLEAN_BLOB blob = {};
	char nonce[33];
	int r = wb_store_read(store, WB_MANIFEST_OBJECT, WB_MANIFEST_MOST, &blob, err);

	if (r < 0)
		return r;
	wb_nonce_hex(info.nonce, nonce);
	r = wb_manifest_parse(wb_blob_view(&blob), nonce, &m, err);
	if (r < 0)
		return r;
	r = sys->write_file(sys->ctx, WB_MANIFEST_COPY, wb_blob_view(&blob), 0600);
	if (r < 0)
		return wb_fail(err, r, "cannot write " WB_MANIFEST_COPY ": %s", strerror(-r));
	*ret = m;
	m = (struct wb_manifest){};
	return 0;
}
