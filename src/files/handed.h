/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sockets that systemd has bound and handed to a unit (systemd.socket(5)). The next boot binds them anew, and after the
 * restore the unit's processes and systemd must have the same sockets open again. A socket is recognised by its key: what
 * kind of socket it is, and its address. Without any change of state; the sockets themselves are asked.
 */
#pragma once

#include "core/list.h"
#include "manifest/manifest.h"

/* The key of a socket, in WB_MANIFEST_KEY + 1 bytes. Negative errno: not a socket, or one without an address. */
int wb_handed_key(int fd, char *ret);
/*
 * Note in u->handed which descriptors of the processes u->pids are of sockets that `systemd`, process 1, has open, too.
 * -EOPNOTSUPP: two of its sockets have the same key. -ESRCH: its main process is gone. -EIO, -ENOMEM. With a sentence.
 */
int wb_handed_note(struct wb_manifest_unit *u, int64_t systemd, struct wb_error *err);

typedef WB_LIST(int) wb_handed_fds;
/*
 * Find the unit's sockets among descriptors of this process: those of systemd's next boot. *ret has each once, borrowed;
 * the list is to be freed. -ENOENT with a sentence: systemd has not handed over one of them. -ENOMEM.
 */
int wb_handed_match(const struct wb_manifest_unit *u, const int *fds, size_t n, wb_handed_fds *ret,
	struct wb_error *err);
/*
 * The processes are restored: are the same descriptors as before of these sockets, and no others? -EPERM with a sentence.
 * Errors of wb_handed_note().
 */
int wb_handed_check(
	const struct wb_manifest_unit *u, const wb_handed_fds *sockets, struct wb_error *err);
