/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A virtual machine whose memory goes through the store: for keep/way-vm.c only. */
#pragma once

#include "keep/thaw.h"
#include "keep/ways.h"
#include "qemu/image.h"
#include "qemu/qmp.h"

struct wb_vm_saved {
	uint64_t bytes;
	int64_t pause_ms; /* so long it stood still when its state was complete */
};

/* As ahead() of a way. */
int wb_vm_store_ahead(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_error *err);
/*
 * Write memory and state, or what ahead() has left, and note it in u->image. `store` NULL: the bytes are only counted.
 * On failure the guest goes on.
 */
int wb_vm_store_save(const struct wb_way_host *host, struct wb_qmp *q, struct wb_manifest_unit *u,
	struct wb_vm_image *image, struct wb_store *store, struct wb_vm_saved *ret,
	struct wb_error *err);
/* In the next boot: before QEMU is started, and when it waits. */
int wb_vm_store_prepare(
	const struct wb_thaw *t, const struct wb_runner *runner, struct wb_error *err);
int wb_vm_store_take(const struct wb_thaw *t, struct wb_store *store, struct wb_qmp *q,
	const struct wb_vm_image *image, struct wb_error *err);
