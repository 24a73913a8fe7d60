// SPDX-License-Identifier: LGPL-2.1-or-later
/* Files that are read once. */
#include <stdlib.h>
#include <string.h>

#include "core/recall.h"
#include "fake-files.h"
#include "unit.h"

/* The machine below, whose answers are counted and change each time. */
struct machine {
	unsigned reads, lists, links;
	bool fails;
	size_t size;
};

static int m_read(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	struct machine *m = ctx;
	struct wb_blob b = {};

	m->reads++;
	if (m->fails)
		return wb_fail(err, -EACCES, "%s is closed", path);
	if (limit && m->size > limit)
		return wb_fail(err, -EFBIG, "%s is too large", path);
	assert_int_equal(wb_blob_reserve(&b, m->size + 1), 0);
	memset(b.data, 'a' + (int)m->reads, m->size);
	b.size = m->size;
	*ret = b;
	return 0;
}

static int m_list(void *ctx, const char *path, struct wb_strv *ret, struct wb_error *err)
{
	struct machine *m = ctx;

	m->lists++;
	assert_int_equal(wb_strv_addf(ret, "one-%u", m->lists), 0);
	return wb_strv_add(ret, "two");
}

static int m_readlink(void *ctx, const char *path, char **ret, struct wb_error *err)
{
	struct machine *m = ctx;

	*ret = wb_strf("socket:[%u]", ++m->links);
	return *ret ? 0 : -ENOMEM;
}

static void recall_of(struct machine *m, struct wb_files *files, struct wb_recall **ret)
{
	*m = (struct machine){.size = 5};
	*files =
		(struct wb_files){.ctx = m, .read = m_read, .list = m_list, .readlink = m_readlink};
	*ret = wb_recall_new(files);
	assert_non_null(*ret);
}

static char first_of(const struct wb_files *files, const char *path, size_t limit)
{
	WB_CLEAN_BLOB b = {};

	return files->read(files->ctx, path, limit, &b, NULL) < 0 ? 0 : (char)b.data[0];
}

static void each_file_is_read_once(void **state)
{
	struct machine m;
	struct wb_files under;
	struct wb_recall *recall;
	const struct wb_files *files;
	WB_CLEAN_STR a = NULL;
	WB_CLEAN_STR b = NULL;
	WB_CLEAN_STRV names = {}, again = {};
	WB_CLEAN_BLOB text = {};

	recall_of(&m, &under, &recall);
	files = wb_recall_files(recall);
	assert_int_equal(first_of(files, "/proc/1/maps", 0), 'b');
	assert_int_equal(first_of(files, "/proc/2/maps", 0), 'c');
	assert_int_equal(first_of(files, "/proc/1/maps", 0), 'b');
	assert_int_equal(m.reads, 2);
	/* The answer is the caller's own, and ends with a NUL. */
	assert_int_equal(files->read(files->ctx, "/proc/1/maps", 0, &text, NULL), 0);
	assert_int_equal(text.size, 5);
	assert_int_equal(text.data[5], 0);
	text.data[0] = 'x';
	assert_int_equal(first_of(files, "/proc/1/maps", 0), 'b');
	assert_int_equal(files->readlink(files->ctx, "/proc/1/maps", &a, NULL), 0);
	assert_int_equal(files->readlink(files->ctx, "/proc/1/maps", &b, NULL), 0);
	assert_string_equal(a, "socket:[1]");
	assert_string_equal(b, "socket:[1]");
	assert_int_equal(files->list(files->ctx, "/proc/1/maps", &names, NULL), 0);
	assert_int_equal(files->list(files->ctx, "/proc/1/maps", &again, NULL), 0);
	assert_int_equal(again.n, 2);
	assert_string_equal(again.items[0], "one-1");
	assert_int_equal(m.reads, 2);
	wb_recall_free(recall);
}

static void a_failure_is_asked_again(void **state)
{
	struct machine m;
	struct wb_files under;
	struct wb_recall *recall;
	const struct wb_files *files;
	struct wb_error err = {};
	WB_CLEAN_BLOB text = {};

	recall_of(&m, &under, &recall);
	files = wb_recall_files(recall);
	m.fails = true;
	assert_int_equal(files->read(files->ctx, "/x", 0, &text, &err), -EACCES);
	assert_string_equal(err.text, "/x is closed");
	m.fails = false;
	assert_int_equal(first_of(files, "/x", 0), 'c');
	/* A remembered text that is larger than the limit is not handed out. */
	assert_int_equal(files->read(files->ctx, "/x", 3, &text, &err), -EFBIG);
	assert_int_equal(first_of(files, "/x", 5), 'c');
	wb_recall_free(recall);
}

/* A service can make files of /proc long; they are read again instead. */
static void memory_has_a_limit(void **state)
{
	struct machine m;
	struct wb_files under;
	struct wb_recall *recall;
	const struct wb_files *files;

	recall_of(&m, &under, &recall);
	files = wb_recall_files(recall);
	m.size = 40 << 20;
	assert_int_equal(first_of(files, "/1", 0), 'b');
	assert_int_equal(first_of(files, "/2", 0), 'c');
	assert_int_equal(first_of(files, "/1", 0), 'b');
	assert_int_equal(first_of(files, "/2", 0), 'd');
	wb_recall_free(recall);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_file_is_read_once),
		cmocka_unit_test(a_failure_is_asked_again),
		cmocka_unit_test(memory_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
