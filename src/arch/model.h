/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which model a machine is: its maker's names, its firmware, its CPUs, and whether it is a virtual one. */
#pragma once

#include "core/files.h"

/* Owned strings, made plain and without blanks at their ends; "" where the machine does not say. */
struct wb_model {
	char *vendor, *product; /* by the firmware's tables, or by the device tree */
	char *firmware;         /* its version */
	char *hypervisor; /* "none", "guest" where its name is not known, or its name ("xen") */
	/*
	 * A text for each kind of CPU that the machine has, sorted: values of /proc/cpuinfo in the order of struct
	 * wb_arch's cpu_keys. "-" is in the place of a value that is not there.
	 */
	struct wb_strv cpus;
};

/* A fact that is not there is "". Other errors of reading, with a sentence: half of a model would be another one. -ENOMEM. */
int wb_model_read(const struct wb_files *files, struct wb_model *ret, struct wb_error *err);
void wb_model_deinit(struct wb_model *model);
#define WB_CLEAN_MODEL __attribute__((cleanup(wb_model_deinit))) struct wb_model
