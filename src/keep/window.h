/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Access to the store from within a unit's control group. The unit's rules for devices (DevicePolicy=,
 * PrivateDevices=) would forbid it, so the files in which the store lies are opened outside of the group.
 */
#pragma once

#include "store/io.h"
#include "store/store.h"

#define WB_WINDOW_FILES 8

struct wb_window {
	struct wb_store_env env; /* for wb_store_attach(); not after wb_window_deinit() */
	struct wb_store_io io;
	/* As open(2): a descriptor, which the window closes, or a negative errno. */
	int (*open)(const char *path, int flags);
	struct {
		char path[64];
		bool write;
		int fd;
	} files[WB_WINDOW_FILES]; /* the open ones, each once */
	size_t n;
};

/* As wb_store_env_real(). open: NULL for wb_open_outside(). */
void wb_window_init(struct wb_window *w, int (*open)(const char *path, int flags));
void wb_window_deinit(struct wb_window *w);

#define WB_CLEAN_WINDOW __attribute__((cleanup(wb_window_deinit))) struct wb_window
