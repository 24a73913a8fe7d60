/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The class of a machine: whatever makes a jump go well on one machine and badly on another. Two machines of a class
 * have the same model, firmware, CPUs with their microcode, hypervisor, and PCI devices with their drivers. It is seen
 * from the kernel that runs: another kernel may bind another driver.
 */
#pragma once

#include "core/files.h"
#include "core/json-table.h"

#define WB_CLASS_HASH 65 /* 64 hexadecimal digits and a NUL */

/* Owned strings, made plain; "" where the machine does not say. */
struct wb_machine_class {
	char *vendor, *product, *firmware, *hypervisor; /* as in arch/model.h */
	struct wb_strv cpus;                            /* likewise */
	struct wb_strv
		devices; /* "8086:25ab DRIVER" for each PCI device with a driver; sorted, each once */
	/* SHA-256 of all that. It names nobody, but whoever knows all that can compute it, too. */
	char hash[WB_CLASS_HASH];
};

/* Of this machine. Errors of reading, with a sentence: half of a class would be another one. -ENOMEM. */
int wb_machine_class_read(
	const struct wb_files *files, struct wb_machine_class *ret, struct wb_error *err);
/* As lines of text, of which the hash is made; to be freed. NULL: out of memory. */
char *wb_machine_class_text(const struct wb_machine_class *c);
/* Compute `hash` from the others. -ENOMEM. */
int wb_machine_class_seal(struct wb_machine_class *c);
void wb_machine_class_deinit(struct wb_machine_class *c);
#define WB_CLEAN_CLASS __attribute__((cleanup(wb_machine_class_deinit))) struct wb_machine_class

/* All but the hash. */
extern const struct wb_json_field wb_machine_class_fields[];
/* 64 digits as wb_hex_write() writes them? */
bool wb_valid_class_hash(const char *s);
