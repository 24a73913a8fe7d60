/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A look at a process: is it a QEMU, and can its guest be left where it is? */
#pragma once

#include "qemu/cmdline.h"
#include "qemu/guest.h"
#include "qemu/image.h"

struct wb_qemu_facts {
	struct wb_qemu_args args;
	struct wb_vm_image image; /* as far as it is known */
	struct wb_qemu_guest guest;
	bool asked; /* QEMU has answered */
	/* Of memory in a file that is the memory itself (image.dax): where that lies. 0: not known. */
	uint64_t region_start, region_size;
	struct wb_error fault; /* else why not; or why its memory was not found */
};

void wb_qemu_facts_deinit(struct wb_qemu_facts *facts);
/* 1: it is a QEMU. 0: it is none. -ENOMEM. Only questions are asked. */
int wb_qemu_look(pid_t pid, struct wb_qemu_facts *ret, struct wb_error *err);
/* Only its words. 1, 0, -ENOMEM as above. */
int wb_qemu_look_at_words(pid_t pid, struct wb_qemu_facts *ret, struct wb_error *err);
