// SPDX-License-Identifier: LGPL-2.1-or-later
/* The remedies that were tried, by reason and service. */
#include <fnmatch.h>
#include <stddef.h>
#include <string.h>

#include "keep/remedies.h"

const struct wb_remedy wb_remedies[] = {
	{"it has an io_uring", "mariadb*.service",
		"set innodb_use_native_aio=0 below [mariadbd] in a file of "
		"/etc/mysql/mariadb.conf.d and restart it"},
	/* UV_USE_IO_URING=0 is not enough: libuv then still makes two of them. */
	{"it has an io_uring", "named.service",
		"set SystemCallFilter=~io_uring_setup and SystemCallErrorNumber=ENOSYS with "
		"\"systemctl edit named\" and restart it"},
	/* libuv and others, as in Node.js, work without it. */
	{"it has an io_uring", "*.service",
		"if its program also works without, set SystemCallFilter=~io_uring_setup and "
		"SystemCallErrorNumber=ENOSYS with \"systemctl edit\" and restart it"},
	{"DynamicUser= has given it", "*.service",
		"restart it when no other unit has that number, or give it a user of its own: "
		"DynamicUser=no and User= with \"systemctl edit\""},
	/* For programs that connect again; others end. */
	{" is connected to ", "*.service",
		"with \"warmboot keep add --peers=reset\" it finds that connection closed after "
		"the jump, for a program that connects again"},
	{},
};

const char *wb_remedy_find(const char *unit, const char *reason)
{
	for (const struct wb_remedy *r = wb_remedies; r->reason; r++)
		if (strstr(reason, r->reason) && !fnmatch(r->unit, unit, 0))
			return r->text;
	return NULL;
}
