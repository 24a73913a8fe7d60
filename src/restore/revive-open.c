// SPDX-License-Identifier: LGPL-2.1-or-later
/* The manifest of a store that is attached, and its copy for later parts of the boot. */
#include <string.h>

#include "core/text.h"
#include "jump/record.h"
#include "restore/revive.h"

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
	wb_hex_write(info.nonce, 16, nonce);
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
