/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A PCI device as sysfs shows it, for the rows of the watchdogs. */
#pragma once

#include <stdbool.h>

#include "core/files.h"

#define WB_PCI_NAME 13 /* "0000:00:1f.0" and its NUL */

/*
 * The first device that `is` accepts, by vendor and device id. 1 with its name; 0: there is none; -ENOMEM;
 * errors of list(). Only segment 0 is looked at.
 */
int wb_pci_find(const struct wb_files *files, bool (*is)(uint16_t vendor, uint16_t device),
	char ret[WB_PCI_NAME], struct wb_error *err);
/*
 * Its configuration space. -EACCES: the kernel shows only root more than the first 64 bytes; -EIO: the
 * device does not answer.
 */
int wb_pci_config(
	const struct wb_files *files, const char *name, uint8_t ret[256], struct wb_error *err);
/* Its address as of struct wb_reg_step, with offset 0. Pure. */
uint64_t wb_pci_address(const char *name);
/*
 * Check that `size` bytes at `base` lie in resource `index` of the device, which is memory, that the device
 * decodes memory, and that no other device and no RAM lies there. -EOPNOTSUPP, -EACCES with a sentence.
 */
int wb_pci_check_memory(const struct wb_files *files, const char *name, unsigned int index,
	uint64_t base, uint64_t size, struct wb_error *err);
/* Check that no RAM lies there. -EOPNOTSUPP, -EACCES with a sentence. */
int wb_check_no_ram(
	const struct wb_files *files, uint64_t base, uint64_t size, struct wb_error *err);
