/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A command line of QEMU: what it says about the guest, and the one that brings the guest back. The words are those
 * of a process, so they are not trusted. Pure.
 */
#pragma once

#include "core/error.h"
#include "core/strv.h"

struct wb_qemu_args {
	char *name;    /* of the guest; NULL: it has none */
	char *machine; /* as it is written; NULL: the default */
	char *qmp;     /* path of the socket of a QMP monitor; NULL: there is none */
	char *cpu;     /* the model's name; NULL: the default */
	/* The object that is the guest's memory: its id and kind ("memory-backend-file"). NULL: there is none. */
	char *backend, *kind;
	char *mem_path; /* of that object; NULL: none */
	bool share;     /* share=on of that object */
	bool discard;   /* discard-data=on of it: QEMU empties the file when it ends */
	size_t at;      /* its value is this word */
	/* The guest agent's channel: the path of its socket, and the id of that. NULL: there is none. */
	char *agent, *agent_chardev;
	bool network;   /* it has a network through the host (tap, bridge) */
	char *obstacle; /* a device that stays behind, a sentence; NULL: there is none */
};

void wb_qemu_args_deinit(struct wb_qemu_args *args);
#define WB_CLEAN_QEMU_ARGS __attribute__((cleanup(wb_qemu_args_deinit))) struct wb_qemu_args

/* Does the path of a program look like QEMU's emulator of a machine? */
bool wb_qemu_is_program(const char *path);
/* -ENOMEM. Words that are not understood say nothing. */
int wb_qemu_args_read(const struct wb_strv *argv, struct wb_qemu_args *ret);
/*
 * The words that start the guest again and wait for its state: those of `argv` with the memory in `mem_path` (NULL: as it is
 * written there) and -incoming defer. -EINVAL: a word cannot be changed. -ENOMEM.
 */
int wb_qemu_args_again(const struct wb_strv *argv, const struct wb_qemu_args *args,
	const char *mem_path, struct wb_strv *ret, struct wb_error *err);
/* The value of a key in "a=b,c=d", to be freed; ",," is a comma. NULL: it has none, or no memory. The last one counts. */
char *wb_qemu_option(const char *text, const char *key);
