/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions that the files of session/keeping.h share. */
#pragma once

#include "session/keeping.h"

/* Memory may grow until the freeze, and other images, the manifest and the table need room too. */
#define WB_KEEPING_MARGIN_PERCENT 25

/* Judge a unit as it is now. `release`: of the kernel that it must fit; NULL: the running one. */
int wb_keeping_look(const struct wb_session_host *h, const struct wb_keeping *k,
	const struct wb_keep_config *config, const char *release, struct wb_keep_verdict *ret,
	struct wb_error *err);
/* Fail because this unit must be kept as its configuration says, and cannot be. */
int wb_keeping_refuse(const struct wb_manifest_unit *u, const char *why, struct wb_error *err);
/* Lower a unit to a restart. It is a failure if the unit must be kept as a process. */
int wb_keeping_lower(struct wb_manifest_unit *u, const char *why, struct wb_error *err);
/*
 * Lower all units, because there is no store. It is a failure if one of them must be kept as a
 * process.
 */
int wb_keeping_lower_all(struct wb_keeping *k, const char *why, struct wb_error *err);
/*
 * There is too little memory for a store: lower the largest virtual machine whose memory goes through it. 1: one was
 * lowered, and k->bytes with it; 0: there is none. Failures as above.
 */
int wb_keeping_lower_largest(struct wb_keeping *k, const char *why, struct wb_error *err);
/* This unit needs `bytes` more of the store: counts them in k->bytes, and with a margin in u->share_bytes. */
void wb_keeping_need(struct wb_keeping *k, struct wb_manifest_unit *u, uint64_t bytes);
/*
 * Lower units that a shutdown would stop together with another unit. Each may affect further units,
 * so start again after each.
 */
int wb_keeping_lower_bound(struct wb_keeping *k, struct wb_error *err);
/* Write the draft for the freeze, which the shutdown reads. */
int wb_keeping_write_draft(
	const struct wb_session_host *h, struct wb_keeping *k, struct wb_error *err);
/* Pre-copy one unit. 0: done; 1: not done, and the reason is recorded. */
int wb_keeping_send_ahead(
	const struct wb_session_host *h, struct wb_keeping *k, struct wb_manifest_unit *u);
