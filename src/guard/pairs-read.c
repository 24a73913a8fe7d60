// SPDX-License-Identifier: LGPL-2.1-or-later
/* The files of the ledger, which are believed only if nobody but root can have written them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "guard/pairs.h"

/* Move the lines of `from` to the end of `to`. -ENOMEM: some are moved. */
static int move_lines(struct wb_pairs *from, struct wb_pairs *to)
{
	for (size_t i = 0; i < from->n; i++) {
		struct wb_pairs_line *l = wb_list_add(to, sizeof(*l));

		if (!l)
			return -ENOMEM;
		*l = from->items[i];
		from->items[i] = (struct wb_pairs_line){};
	}
	return 0;
}

static int read_file(const struct wb_files *files, const char *path, enum wb_pair_source source,
	struct wb_pairs *all, struct wb_error *err)
{
	WB_CLEAN_PAIRS lines = {};
	WB_CLEAN_BLOB text = {};
	int r;

	if (!files->read_owned)
		return wb_fail(
			err, -EOPNOTSUPP, "%s is not believed: its owner is not known", path);
	r = files->read_owned(files->ctx, path, WB_PAIRS_LIMIT, &text, err);
	if (r == 0)
		r = wb_pairs_parse(wb_blob_view(&text), path, source, &lines, err);
	if (r == 0 && move_lines(&lines, all) < 0)
		r = wb_oom(err);
	return r;
}

static int list(
	const struct wb_files *files, const char *dir, struct wb_strv *ret, struct wb_error *err)
{
	int r = files->list(files->ctx, dir, ret, err);

	if (r != -ENOENT && r != -ENOTDIR)
		return r;
	if (err)
		*err = (struct wb_error){};
	return 0;
}

/* A file that is hidden by another one, or is an editor's, is passed over. One that is not believed is told. */
static int read_dir(const struct wb_files *files, const char *dir, enum wb_pair_source source,
	const struct wb_strv *hidden, struct wb_strv *ret_names, struct wb_pairs *all,
	struct wb_error *err)
{
	struct wb_error why = {};
	int r = list(files, dir, ret_names, &why);

	if (r < 0 && r != -ENOMEM)
		return wb_strv_add(&all->refused, why.text) < 0 ? wb_oom(err) : 0;
	for (size_t i = 0; r == 0 && i < ret_names->n; i++) {
		const char *name = ret_names->items[i];
		WB_CLEAN_STR path = wb_strf("%s/%s", dir, name);

		if (*name == '.' || !wb_text_ends(name, ".conf") ||
			(hidden && wb_strv_has(hidden, name)))
			continue;
		why = (struct wb_error){};
		r = path ? read_file(files, path, source, all, &why) : -ENOMEM;
		if (r < 0 && r != -ENOMEM)
			r = wb_strv_add(&all->refused, why.text);
	}
	return r < 0 ? wb_oom(err) : 0;
}

int wb_pairs_read_own(const struct wb_files *files, struct wb_pairs *ret, struct wb_error *err)
{
	WB_CLEAN_PAIRS all = {};
	int r = read_file(files, WB_PAIRS_OWN, WB_PAIRS_FROM_OWN, &all, err);

	if (r == -ENOENT) {
		if (err)
			*err = (struct wb_error){};
		r = 0;
	}
	if (r < 0)
		return r;
	*ret = all;
	all = (struct wb_pairs){};
	return 0;
}

int wb_pairs_read(const struct wb_files *files, struct wb_pairs *ret, struct wb_error *err)
{
	WB_CLEAN_PAIRS all = {}, admin = {}, own = {};
	WB_CLEAN_STRV names = {}, shipped = {};
	int r = read_dir(files, WB_PAIRS_ADMIN, WB_PAIRS_FROM_ADMIN, NULL, &names, &admin, err);

	if (r == 0)
		r = read_dir(files, WB_PAIRS_SHIPPED, WB_PAIRS_FROM_SHIPPED, &names, &shipped, &all,
			err);
	if (r == 0)
		r = wb_pairs_read_own(files, &own, err);
	if (r < 0)
		return r;
	if (move_lines(&admin, &all) < 0 || move_lines(&own, &all) < 0 ||
		(admin.refused.n && wb_strv_add_all(&all.refused,
					    (const char *const *)admin.refused.items) < 0))
		return wb_oom(err);
	*ret = all;
	all = (struct wb_pairs){};
	return 0;
}
