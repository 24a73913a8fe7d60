// SPDX-License-Identifier: LGPL-2.1-or-later
/* System calls in another process on arm64: not built yet. */
#include <errno.h>

#include "arch/inject.h"

int wb_inject_begin(pid_t tid, struct wb_inject *ret)
{
	(void)tid, (void)ret;
	return -EOPNOTSUPP;
}

int wb_inject_call(const struct wb_inject *t, long number, const uint64_t args[6])
{
	(void)t, (void)number, (void)args;
	return -EOPNOTSUPP;
}

int wb_inject_skip(const struct wb_inject *t)
{
	(void)t;
	return -EOPNOTSUPP;
}

int wb_inject_end(const struct wb_inject *t)
{
	(void)t;
	return 0;
}
