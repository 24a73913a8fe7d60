// SPDX-License-Identifier: LGPL-2.1-or-later
/* The list of the finders. */
#include <errno.h>
#include <string.h>

#include "choice/kind.h"
#include "core/text.h"
#include "core/valid.h"
#include "keep/find-vm.h"
#include "keep/named.h"

const struct wb_keep_finder *const wb_keep_finders_all[] = {
	&wb_find_vm,
	&wb_keep_finder_container,
	NULL,
};

int wb_keep_find_unit(
	const struct wb_keep_finding *with, const char *name, char **ret, struct wb_error *err)
{
	const struct wb_keep_finder *const *f = with->finders ? with->finders : wb_keep_finders_all;
	const char *bare;
	const struct wb_keep_kind *kind = wb_keep_kind_of(name, &bare);
	WB_CLEAN_STR unit = NULL;
	int r;

	if (!kind->word) {
		*ret = strdup(name);
		return *ret ? 0 : wb_oom(err);
	}
	while (*f && strcmp((*f)->kind, kind->word))
		f++;
	if (!*f)
		return wb_fail(err, -EOPNOTSUPP,
			"%s cannot be kept: this version of warmboot does not keep %s yet", name,
			kind->one);
	r = (*f)->unit(with, bare, &unit, err);
	if (r < 0)
		return r;
	if (!wb_valid_service_name(unit))
		return wb_fail(
			err, -EOPNOTSUPP, "%s runs in \"%.128s\", which is no service", name, unit);
	*ret = unit;
	unit = NULL;
	return 0;
}
