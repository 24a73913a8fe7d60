// SPDX-License-Identifier: LGPL-2.1-or-later
/* What /proc and sock_diag tell, all of it the same bytes. */
#include "../unit/fake-files.h"
#include "fuzz.h"
#include "keep/preflight.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = size ? (const char *)data : NULL;
	const struct fake_file disk[] = {
		{"/proc/7/stat", "7 (x y) S 1 7 7 0 -1"},
		{"/proc/7/status", text, size},
		{"/proc/7/uid_map", text, size},
		{"/proc/7/gid_map", text, size},
		{"/proc/7/mountinfo", text, size},
		{"/proc/7/maps", text, size},
		{"/proc/7/fd/0", .link = "/dev/null"},
		{"/proc/7/fd/3", .link = "socket:[5]"},
		{"/proc/7/fdinfo/0", text, size},
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
	struct wb_proc p = {}, other = {};
	struct wb_procs procs = {&p, 1};
	struct wb_keep_facts facts = {.unit = "x.service",
		.systemd = &service,
		.procs = &procs,
		.sockets = &sockets,
		.init = &p,
		.criu = "4.1"};

	wb_keep_missing_modules((struct wb_bytes){data, size}, (struct wb_bytes){}, &missing);
	if (wb_proc_read(&files, 8, &other, NULL) == 0)
		wb_proc_deinit(&other);
	if (wb_proc_read(&files, 7, &p, NULL) < 0)
		return 0;
	if (wb_sockets_read(&files, 7, &sockets, NULL) == 0) {
		wb_sockets_parse_peers((struct wb_bytes){data, size}, &sockets);
		wb_keep_judge(&facts, NULL, &v, NULL);
	}
	wb_proc_deinit(&p);
	return 0;
}
