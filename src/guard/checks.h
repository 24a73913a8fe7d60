/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rows of wb_checks_all[], and what several of them need. */
#pragma once

#include "guard/check.h"

extern const struct wb_check wb_check_kexec, wb_check_entry, wb_check_modules, wb_check_initramfs,
	wb_check_packages, wb_check_taint, wb_check_memory_errors, wb_check_hypervisor,
	wb_check_drivers, wb_check_driver_shutdown, wb_check_crash_kernel, wb_check_livepatch,
	wb_check_firmware_update, wb_check_shutdown, wb_check_network_mounts, wb_check_uptime,
	wb_check_room, wb_check_pair, wb_check_hibernation, wb_check_stop, wb_check_kept;

/* A small file without its last newline. 1: it is there; 0: it is not; else as wb_files.read. */
int wb_check_read(const struct wb_check_facts *facts, const char *path, struct wb_blob *ret,
	struct wb_error *err);
/* Names in a directory. 1: it is there; 0: it is not; else as wb_files.list. */
int wb_check_list(const struct wb_check_facts *facts, const char *path, struct wb_strv *ret,
	struct wb_error *err);

/* The PCI devices of the machine, a directory each. */
#define WB_PCI_DEVICES "/sys/bus/pci/devices"
/*
 * The last part of the target of a link in a device's directory: "driver" gives the driver's name. To be freed. 1: it
 * is there; 0: it is not; -ENOMEM.
 */
int wb_check_device_link(
	const struct wb_check_facts *facts, const char *device, const char *link, char **ret);
