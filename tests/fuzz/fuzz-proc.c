// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Texts of /proc and sock_diag, all from the same bytes: a service chooses its name, its paths, its
 * mappings, sockets and mounts. The seeds are such names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/fake-files.h"
#include "fuzz.h"
#include "criu/ipc.h"
#include "criu/modules.h"
#include "net/tcp-line.h"
#include "keep/judge.h"

#define LONG 4000
#define MANY 2000

/*
 * Backslashes and digits at the end of a name, where reading an escape of four characters would
 * pass the end.
 */
static const char *const names[] = {
	"7 (a) R 1 (b\n)) S 1 7 7 0 -1 4194560",
	"Name:\t\\n\\\\1\nTracerPid:\t0\nThreads:\t99999999999999999999\nVmRSS:\t-1 "
	"kB\nSeccomp:\t2\n",
	"22 1 254:1 / / rw - ext4 /dev/vda1 rw\n30 22 0:5 /\\1 /\\1\\12 rw - tmpfs \\4 rw\n",
	"22 1 254:1 / / rw - ext4 /dev/vda1 rw\n31 22 0:6 /a\\040-\\040b /\\134040\\ rw - - fuse.x "
	"- rw\n",
	"7f00-7f01 r-xp 00000000 08:01 12 /a b\\012c (deleted)\n7f02-7f03 rw-s 0 0:5 9 /dev/shm/ - "
	"\n",
	"pos:\t0\nflags:\t02\nmnt_id:\t31\nino:\t5\ninotify wd:1 ino:2e sdev:17 mask:3 "
	"ignored_mask:0 "
	"fhandle-bytes:ffffffff fhandle-type:1 f_handle:0aF",
	"  sl  local_address\n 0: 0100007F:2BCB 00000000:0000 0A 00000000:00000000 00:00000000 "
	"00000000 0 0 5 1\n"
	" 1: 0000000000000000FFFF00000100007F:FFFF 00000000000000000000000000000000:0 01 1:2 0:0 0 "
	"0 0 5 1\n",
	"Num\n0000000000000000: 00000002 00000000 00010000 0001 01 5 @a\n0: 2 0 10000 1 1 5 "
	"/run/x\n",
	"0 4294967295 4294967295\n",
};

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	enum { N = sizeof(names) / sizeof(*names) };
	static struct wb_blob seeds[N + 2];
	static const char root[] = "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n7 22 0:1 / /";
	struct wb_blob *deep = &seeds[N], *many = &seeds[N + 1];

	for (size_t i = 0; i < N; i++)
		wb_blob_append(&seeds[i], names[i], strlen(names[i]));
	wb_blob_append(deep, root, strlen(root));
	for (size_t i = 0; i < LONG; i++)
		wb_blob_append(deep, "\\134", 4);
	wb_blob_append(deep, " rw - tmpfs t rw\n", 17);
	wb_blob_append(many, names[3], strlen(names[3]));
	for (size_t i = 0; i < MANY; i++) {
		char line[80];
		int n = snprintf(line, sizeof(line), "%zu 22 0:%zu / /m\\040%zu rw - tmpfs t rw\n",
			i + 40, i, i);

		wb_blob_append(many, line, (size_t)n);
	}
	*ret_n = N + 2;
	return seeds;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = size ? (const char *)data : NULL;
	WB_CLEAN_STR link = strndup((const char *)data, size);
	struct wb_tcp_line tcp;
	const struct fake_file disk[] = {
		{"/proc/7/stat", "7 (x y) S 1 7 7 0 -1"},
		{"/proc/7/status", text, size},
		{"/proc/7/uid_map", text, size},
		{"/proc/7/gid_map", text, size},
		{"/proc/7/mountinfo", text, size},
		{"/proc/7/maps", text, size},
		{"/proc/7/fd/0", .link = "/dev/null"},
		{"/proc/7/fd/3", .link = "socket:[5]"},
		{"/proc/7/fd/4", .link = link ? link : "/x"},
		{"/proc/7/fd/5", .link = "anon_inode:inotify"},
		{"/proc/7/fdinfo/0", text, size},
		{"/proc/7/fdinfo/4", text, size},
		{"/proc/7/fdinfo/5", text, size},
		{"/proc/7/net/tcp", text, size},
		{"/proc/7/net/tcp6", text, size},
		{"/proc/7/net/unix", text, size},
		{"/proc/7/net/netlink", text, size},
		{"/proc/8/stat", text, size},
		{},
	};
	struct wb_files files = fake_files(disk);
	struct wb_service service = {.main_pid = 7, .active = "active"};
	WB_CLEAN_SOCKETS sockets = {};
	WB_CLEAN_KEEP_VERDICT v = {};
	WB_CLEAN_STRV missing = {};
	struct wb_blob filtered = {};
	struct wb_proc p = {}, other = {};
	struct wb_procs procs = {&p, 1};
	struct wb_keep_facts facts = {.unit = "x.service",
		.systemd = &service,
		.procs = &procs,
		.sockets = &sockets,
		.init = &p,
		.criu = "4.1"};

	if (link)
		wb_tcp_line_parse((struct wb_span){link, strlen(link)}, &tcp);
	wb_criu_missing_modules((struct wb_bytes){data, size}, (struct wb_bytes){}, &missing);
	for (int kind = WB_IPC_SHM; kind <= WB_IPC_MSG; kind++) {
		wb_ipc_objects objects = {};

		wb_ipc_parse((enum wb_ipc_kind)kind, link ? link : "", &objects);
		free(objects.items);
	}
	if (wb_ipc_filter("ipcns-shm-9.img", (struct wb_bytes){data, size}, (const int64_t[]){1}, 1,
		    &filtered) == 1)
		wb_blob_deinit(&filtered);
	if (wb_proc_read(&files, 8, &other, NULL) == 0)
		wb_proc_deinit(&other);
	if (wb_proc_read(&files, 7, &p, NULL) < 0)
		return 0;
	if (wb_sockets_read(&files, 7, &sockets, NULL) == 0) {
		wb_sockets_parse_peers((struct wb_bytes){data, size}, &sockets);
		wb_keep_judge(NULL, &facts, NULL, &v, NULL);
	}
	wb_proc_deinit(&p);
	return 0;
}
