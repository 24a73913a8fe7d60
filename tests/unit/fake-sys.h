/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* struct wb_sys that records its calls and answers as the test says. */
#pragma once

#include "fake-files.h"
#include "sys/sys.h"

struct fake_sys {
	struct wb_files files;
	struct wb_sys sys;
	/* answers */
	int no_privilege;
	int load_result, file_load_result; /* 0 or negative errno */
	int file_unload_result;
	/* record of events */
	int loads, file_loads, unloads, memfds;
	uint64_t entry;
	size_t n_segments;
	unsigned long flags, unload_flags;
	char cmdline[4096];
	char opened[2][256];
	struct wb_blob contents[2]; /* of the memfds */
	int kernel_fd, initrd_fd;   /* given to kexec_file_load; -1 none */
	int fds;                    /* open now */
};

/* `fake` and `list` must outlive the use of fake->sys. */
void fake_sys_init(struct fake_sys *fake, const struct fake_file *list);
void fake_sys_deinit(struct fake_sys *fake);

/* Answers of open_read() and memfd(): these numbers, counted up from the first call. */
#define FAKE_MEMFD 100
#define FAKE_FILE 200
