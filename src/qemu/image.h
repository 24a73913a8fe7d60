/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of a guest in the manifest, besides its state: how it is started again, and where its memory lies. */
#pragma once

#include "core/bytes.h"
#include "core/json-table.h"
#include "core/strv.h"
#include "qemu/ram.h"

/* Huge pages of one size, all in bytes. */
struct wb_vm_huge {
	int64_t page, bytes;
};
typedef WB_LIST(struct wb_vm_huge) wb_vm_huge;

struct wb_vm_image {
	char *program;          /* path of QEMU, as the kernel tells it */
	struct wb_strv argv;    /* all of its words, as it was started */
	char *qmp;              /* path of its QMP socket */
	char *machine;          /* machine type with its version */
	int64_t size;           /* bytes of its memory */
	int64_t uid;            /* who opens its memory */
	bool network;           /* its network is one of the host's */
	bool running;           /* it ran, and was not paused by somebody */
	bool stored;            /* its memory goes through the store, with its state; else: */
	bool dax;               /* it stays in a file of the region for guests; else: */
	wb_guest_runs runs;     /* where it stays */
	wb_vm_huge huge;        /* pages that a QEMU needs whose memory goes through the store */
	struct wb_strv modules; /* of the kernel, which it used */
	/* The rest is known at the freeze. */
	char *jump;         /* the number of the jump, 32 digits */
	char *state;        /* digest of its state, 64 digits */
	char *sample;       /* wb_guest_ram_sample() */
	struct wb_strv cpu; /* wb_qemu_cpu_ask() */
};

void wb_vm_image_deinit(struct wb_vm_image *image);
#define WB_CLEAN_VM_IMAGE __attribute__((cleanup(wb_vm_image_deinit))) struct wb_vm_image
/* -EBADMSG, -ENOMEM with a sentence. */
int wb_vm_image_read(const json_t *json, struct wb_vm_image *ret, struct wb_error *err);
/* New; NULL: out of memory. */
json_t *wb_vm_image_write(const struct wb_vm_image *image);

/*
 * Is this the state that belongs to the guest's memory, from the jump with the number `jump`? -ESTALE, -EBADMSG with a
 * sentence. Only then QEMU may have it.
 */
int wb_vm_image_check_state(const struct wb_vm_image *image, const char *jump,
	struct wb_bytes state, struct wb_error *err);
/* Is this the sample of its memory? -EBADMSG with a sentence. */
int wb_vm_image_check_sample(
	const struct wb_vm_image *image, const char *sample, struct wb_error *err);
/* Note to which jump and state the image belongs. -ENOMEM. */
int wb_vm_image_note_state(struct wb_vm_image *image, const char *jump, struct wb_bytes state);

/* The object of the store with its state, below its prefix. */
#define WB_VM_STATE "state"
/* Those with memory and state: what was read while it ran, if there is that, and the rest. */
#define WB_VM_AHEAD "ahead"
#define WB_VM_REST "rest"
/* A link to its memory in the next boot, by the name of its unit. */
#define WB_VM_DIR "/run/warmboot/vm"
/* To be freed. NULL: out of memory. */
char *wb_vm_memory_path(const char *unit);
