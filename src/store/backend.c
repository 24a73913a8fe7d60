// SPDX-License-Identifier: LGPL-2.1-or-later
/* The table of backends, and the choice of one of them for a load. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/impl.h"

const struct wb_store_backend *const wb_store_backends[] = {
#define ADDRESS(name, help) &wb_store_##name,
	WB_STORE_BACKENDS(ADDRESS)
#undef ADDRESS
		NULL,
};

const struct wb_store_backend *wb_store_backend_find(const char *name)
{
	for (size_t i = 0; wb_store_backends[i]; i++)
		if (!strcmp(wb_store_backends[i]->name, name))
			return wb_store_backends[i];
	return NULL;
}

void wb_store_others(const struct wb_store_backend *but, const char *before, const char *between,
	char *ret, size_t size)
{
	size_t n = 0;

	*ret = 0;
	for (size_t i = 0; wb_store_backends[i] && n < size; i++)
		if (wb_store_backends[i] != but)
			n += (size_t)snprintf(ret + n, size - n, "%s%s", n ? between : before,
				wb_store_backends[i]->name);
}

/* A backend that was asked for by name is checked here, before it is used. */
static int check_asked(const struct wb_store_env *env, const struct wb_store_backend *b,
	enum wb_method method, const struct wb_policy *policy, struct wb_error *err)
{
	int r = b->fits ? b->fits(method, policy, err) : 0;

	return r == 0 && b->available ? b->available(env, 0, err) : r;
}

int wb_store_choose(const struct wb_store_env *env, const char *asked, enum wb_method method,
	const struct wb_policy *policy, const struct wb_store_backend **ret, struct wb_error *err)
{
	const struct wb_store_backend *b = asked ? wb_store_backend_find(asked) : NULL;
	int r = 0;

	if (asked && !b)
		return wb_fail(err, -EINVAL, "there is no store of the kind \"%s\"", asked);
	if (asked)
		r = check_asked(env, b, method, policy, err);
	for (size_t i = 0; !b && wb_store_backends[i]; i++) {
		const struct wb_store_backend *row = wb_store_backends[i];

		if (!row->on_request && (!row->fits || row->fits(method, policy, NULL) == 0))
			b = row;
	}
	if (!b)
		return wb_fail(err, -EOPNOTSUPP,
			"no store goes with the way in which the kernel is loaded here");
	if (r == 0)
		*ret = b;
	return r;
}

const struct wb_store_backend *wb_store_idle(const struct wb_store_env *env)
{
	for (size_t i = 0; wb_store_backends[i]; i++)
		if (wb_store_backends[i]->set_aside &&
			wb_store_backends[i]->available(env, 0, NULL) == 0)
			return wb_store_backends[i];
	return NULL;
}
