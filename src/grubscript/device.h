/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file systems that devices of GRUB's mean. */
#pragma once

#include "grubscript/state.h"

enum wb_grub_place {
	WB_GRUB_FOUND,
	WB_GRUB_ABSENT,  /* the file system is found, and has no such file */
	WB_GRUB_FOREIGN, /* it is on a file system, subvolume or device of another system */
	WB_GRUB_UNSURE,  /* not known */
};

/* The file system that a device of GRUB's means. */
struct wb_grub_device {
	char kind; /* as in WB_GRUB_DEVICE_…; 'n' a name of GRUB's, such as hd0,gpt2 */
	char *id;
	char *node;     /* its node in /dev, if known, else NULL */
	bool is_absent; /* /dev/disk has no such file system */
	bool is_zfs;    /* as far as /dev/disk shows, the id is that of a ZFS pool */
	bool is_none;   /* no device of this machine has that name */
};

void wb_grub_device_deinit(struct wb_grub_device *d);
/* "\x01uUUID\x02" and the like; to be freed. */
char *wb_grub_device(char kind, const char *id);

/*
 * Split "(device)/path"; a path without a device is on $root. WB_GRUB_UNSURE: the device is not
 * known. -ENOMEM.
 */
int wb_grub_device_split(
	struct wb_grub *g, const char *path, struct wb_grub_device *ret, char **ret_path);
/* Can the mount be the file system `d`? -ENOMEM. *ret_sure: it is the only one that can. */
int wb_grub_device_fits(struct wb_grub *g, const struct wb_grub_device *d, const struct wb_mount *m,
	bool *ret, bool *ret_sure);
/* Does the running kernel's command line or fstab name the file system with this UUID? */
bool wb_grub_device_is_own(const struct wb_files *files, const char *uuid);
bool wb_grub_same_device(const struct wb_mount *a, const struct wb_mount *b);
