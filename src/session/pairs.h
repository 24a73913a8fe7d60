/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernels of a jump, as the ledger of kernel pairs knows them. */
#pragma once

#include "bls/entry.h"
#include "guard/pairs.h"
#include "session/host.h"

/*
 * The id of the kernel of a boot entry (core/kernel-id.h), to be freed, or its name if the ledger's answer on a jump
 * from `from` does not depend on more. Its file is read, and unpacked for the id; both take a quarter of the available
 * memory at most. Errors of reading it and of wb_image_open(), and -ENOENT, with a sentence.
 */
int wb_session_next_kernel(const struct wb_sys *sys, const struct wb_entry *entry,
	const struct wb_pairs *pairs, const char *from, char **ret, struct wb_error *err);

/*
 * The ids of the running kernel and of the entry's, as above, both to be freed. NULL: not known; the next one is not
 * looked up either if no answer of the ledger depends on it. -ENOMEM.
 */
int wb_session_pair(
	const struct wb_sys *sys, const struct wb_entry *entry, char **ret_from, char **ret_to);

/* The ledger, and for which machine and kernel it is shown. */
struct wb_ledger {
	struct wb_pairs pairs;
	struct wb_machine_class class;
	char *running, *running_name;
};

/* Errors of wb_pairs_read(), wb_machine_class_read() and wb_running_kernel_id(), with a sentence. */
int wb_session_ledger(const struct wb_sys *sys, struct wb_ledger *ret, struct wb_error *err);
void wb_ledger_deinit(struct wb_ledger *ledger);
#define WB_CLEAN_LEDGER __attribute__((cleanup(wb_ledger_deinit))) struct wb_ledger
