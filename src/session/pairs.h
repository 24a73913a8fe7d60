/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernels of a jump, as the ledger of kernel pairs knows them. */
#pragma once

#include "bls/entry.h"
#include "guard/pairs.h"
#include "session/host.h"

/* Ids and names of the two kernels of a jump (core/kernel-id.h). NULL: not known. */
struct wb_pair_ids {
	char *from, *from_name, *to, *to_name;
};

void wb_pair_ids_deinit(struct wb_pair_ids *ids);
#define WB_CLEAN_PAIR_IDS __attribute__((cleanup(wb_pair_ids_deinit))) struct wb_pair_ids

/*
 * Those of the running kernel, and those of the entry's as far as an answer of the ledger depends on them: its file is
 * read only if something is known against a jump from the running kernel, and unpacked for its build id only if that
 * may be about its release. Otherwise `to` is the name, or NULL. A quarter of the available memory is taken at most; a
 * file that cannot be read or understood leaves NULL. -ENOMEM.
 */
int wb_session_pair(
	const struct wb_sys *sys, const struct wb_entry *entry, struct wb_pair_ids *ret);

/* The name of the kernel in a file; *ret stays NULL if it has none, or cannot be read. -ENOMEM. */
int wb_session_kernel_name(const struct wb_sys *sys, const char *kernel, char **ret);

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
