// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>

#include "arch/inject.h"

int wb_inject_begin(pid_t pid, struct wb_inject *ret)
{
	(void)pid, (void)ret;
	return -EOPNOTSUPP;
}

uint64_t wb_inject_scratch(const struct wb_inject *t, size_t size)
{
	(void)t, (void)size;
	return 0;
}

int wb_inject_call(const struct wb_inject *t, long number, uint64_t a, uint64_t b, uint64_t c)
{
	(void)t, (void)number, (void)a, (void)b, (void)c;
	return -EOPNOTSUPP;
}

int wb_inject_result(const struct wb_inject *t, long *ret)
{
	(void)t, (void)ret;
	return -EOPNOTSUPP;
}

int wb_inject_end(const struct wb_inject *t)
{
	(void)t;
	return 0;
}
