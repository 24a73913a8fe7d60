/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding GRUB's paths in the running system. */
#pragma once

#include "grubscript/device.h"

/*
 * Find a path of GRUB's ("/vmlinuz", "(hd0,gpt2)/vmlinuz", …). GRUB's paths begin at the root of a
 * file system, the running system's at its own. *ret_path, to be freed: the path here, when FOUND.
 * *ret_why: a part of a sentence, when not FOUND. A negative errno: -ENOMEM.
 */
int wb_grub_locate(struct wb_grub *g, const char *path, char **ret_path, const char **ret_why);
/*
 * Without a list of mounts and UUIDs, the file system that the first entry names counts as this
 * system's, and any other one as another system's. FOUND becomes FOREIGN then.
 */
int wb_grub_claim(
	struct wb_grub *g, const char *path, int place, char **path_inout, const char **ret_why);
/*
 * The block device under the file system that a path of GRUB's names, to be freed. Returns a
 * negative errno or a place, as wb_grub_locate(). FOREIGN, with its name: it is not mounted.
 */
int wb_grub_block_device(
	struct wb_grub *g, const char *path, char **ret_node, const char **ret_why);
