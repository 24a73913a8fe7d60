/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A conversation with QEMU by QMP (QEMU's docs/interop/qmp-spec.rst). All that QEMU says comes from a process that a
 * guest may have taken over: lines are limited, and nothing is waited for without a deadline.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/error.h"

struct wb_qmp;

/*
 * Connect to the socket `path` of the process `pid`, and greet. -EPERM: another process listens there; -EBUSY: another client is connected, so QEMU does not answer; -ETIMEDOUT, -EPROTO, … with a sentence.
 */
int wb_qmp_open(
	pid_t pid, const char *path, int timeout_ms, struct wb_qmp **ret, struct wb_error *err);
void wb_qmp_close(struct wb_qmp *q);
void wb_qmp_closep(struct wb_qmp **q);
#define WB_CLEAN_QMP __attribute__((cleanup(wb_qmp_closep))) struct wb_qmp *

/*
 * Send a command, and wait for its answer; events are skipped. `arguments` is stolen; NULL: none. *ret, the value
 * "return", is new; ret NULL: it is not wanted. -EREMOTEIO: QEMU refuses, and its words are the sentence.
 */
int wb_qmp_call(struct wb_qmp *q, const char *command, json_t *arguments, json_t **ret,
	struct wb_error *err);
/* The same with a descriptor beside it; negative: none. */
int wb_qmp_call_with(struct wb_qmp *q, const char *command, json_t *arguments, int fd, json_t **ret,
	struct wb_error *err);
/* qom-get: a property of an object. */
int wb_qmp_get(struct wb_qmp *q, const char *path, const char *property, json_t **ret,
	struct wb_error *err);

/* ---- the guest's agent, which speaks the same without a greeting (docs/interop/qemu-ga.rst) ---- */

/* Connect to the socket of an agent, on which QEMU listens. Errors as those of wb_qmp_open(). */
int wb_qmp_open_agent(
	pid_t pid, const char *path, int timeout_ms, struct wb_qmp **ret, struct wb_error *err);
/* Send one line, which ends in a line feed. */
int wb_qmp_say(struct wb_qmp *q, const char *line, struct wb_error *err);
/* The next line as an object, new, until `end_ms` of wb_now_ms(). -EPROTO: it is none, and is skipped. */
int wb_qmp_hear(struct wb_qmp *q, int64_t end_ms, json_t **ret, struct wb_error *err);
