// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading for checks: what is not there on this machine is an answer, and no error. */
#include <errno.h>
#include <string.h>

#include "guard/checks.h"

#define SMALL (1u << 20)

static bool is_absent(int r, struct wb_error *err)
{
	if (r != -ENOENT && r != -ENOTDIR)
		return false;
	if (err)
		*err = (struct wb_error){};
	return true;
}

int wb_check_read(const struct wb_check_facts *facts, const char *path, struct wb_blob *ret,
	struct wb_error *err)
{
	int r = facts->files->read(facts->files->ctx, path, SMALL, ret, err);

	if (is_absent(r, err))
		return 0;
	if (r < 0)
		return r;
	while (ret->size && ret->data[ret->size - 1] == '\n')
		ret->data[--ret->size] = '\0';
	return 1;
}

int wb_check_list(const struct wb_check_facts *facts, const char *path, struct wb_strv *ret,
	struct wb_error *err)
{
	int r = facts->files->list(facts->files->ctx, path, ret, err);

	if (is_absent(r, err))
		return 0;
	return r < 0 ? r : 1;
}

int wb_check_device_link(
	const struct wb_check_facts *facts, const char *device, const char *link, char **ret)
{
	WB_CLEAN_STR path = wb_strf(WB_PCI_DEVICES "/%s/%s", device, link);
	WB_CLEAN_STR target = NULL;
	const char *slash;
	int r;

	if (!path)
		return -ENOMEM;
	r = facts->files->readlink(facts->files->ctx, path, &target, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	slash = strrchr(target, '/');
	*ret = strdup(slash ? slash + 1 : target);
	return *ret ? 1 : -ENOMEM;
}
