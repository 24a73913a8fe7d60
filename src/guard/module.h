/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a module's file says of its PCI drivers: has each of them a shutdown method? Pure. */
#pragma once

#include "core/bytes.h"
#include "core/error.h"

struct wb_module_drivers {
	unsigned pci;     /* drivers for PCI devices that the module has */
	unsigned stopped; /* those that have a shutdown method (struct pci_driver) */
};

/*
 * `in` is the module's file, not compressed. A driver is found by the table of its devices, of which modpost makes a
 * symbol (the kernel's include/linux/module.h, MODULE_DEVICE_TABLE), and by the relocation that puts this table into a
 * struct pci_driver (include/linux/pci.h). A driver without such a table is not found. -EBADMSG: it is no relocatable
 * 64-bit ELF file of little endian, or is damaged, with a sentence.
 */
int wb_module_parse(struct wb_bytes in, struct wb_module_drivers *ret, struct wb_error *err);
