/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Can a unit be kept as a virtual machine? */
#pragma once

#include "survey/preflight.h"

/* As judge() and record() of keep/ways.h. Pure. */
int wb_judge_vm(const struct wb_keep_facts *facts, const struct wb_keep_config *config,
	struct wb_keep_verdict *ret, struct wb_error *err);
/* Bytes that the store needs for a guest whose memory goes through it. */
uint64_t wb_vm_store_bytes(uint64_t memory);
/*
 * A guest whose memory was to stay where it is goes through the store instead; the sentence in *ret_said tells it with
 * the reason. -EOPNOTSUPP: it cannot, and *ret_said is `why`. -ENOMEM.
 */
int wb_vm_move(struct wb_vm_image *image, const char *why, struct wb_error *ret_said);
int wb_vm_to_manifest(const struct wb_keep_verdict *verdict, struct wb_manifest_unit *u);
