/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions that the files of this room share. They return 0, or a negative errno with a sentence. */
#pragma once

#include "libvirt/libvirt.h"

/* Run virsh with these words, which end with NULL. ret: its output; NULL: it is not wanted. -EIO with its reason. */
int wb_virsh(const struct wb_runner *runner, const char *const *words, long ms, struct wb_blob *ret,
	struct wb_error *err);
/*
 * A FIFO at this path that nobody has open yet, in place of what is there. A program that has opened the one before keeps it.
 */
int wb_fifo_renew(const char *path, struct wb_error *err);
/* The size of its buffer; ignored where it is not allowed. */
void wb_fifo_size(int fd, int bytes);
