// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * GRUB's "[" and "test" (commands/test.c): evaluated from left to right, with no precedence except
 * that "-a" binds stronger than "-o". A third answer stands for values that only GRUB can know.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grubscript/path.h"
#include "grubscript/test.h"

/* MAX_TEST_RECURSION_DEPTH */
#define MAX_DEPTH 100

enum answer {
	UNSURE = -1,
	NO,
	YES,
};

struct test {
	struct wb_grub *g;
	char *const *args;
	size_t n, at;
	unsigned int depth;
	int r;
};

/* The expression so far, joined from left to right. */
struct value {
	enum answer both, either;
	bool invert;
};

static enum answer both_of(enum answer a, enum answer b)
{
	if (a == NO || b == NO)
		return NO;
	return a == YES && b == YES ? YES : UNSURE;
}

static enum answer opposite(enum answer a)
{
	return a == UNSURE ? UNSURE : !a;
}

static enum answer either_of(enum answer a, enum answer b)
{
	return opposite(both_of(opposite(a), opposite(b)));
}

static void update(struct value *v, enum answer a)
{
	v->both = both_of(v->both, v->invert ? opposite(a) : a);
	v->invert = false;
}

static enum answer file_has(struct test *t, char op, const char *path)
{
	const struct wb_files *files = t->g->files;
	size_t n = *path == '(' ? strcspn(path, ")") + (strchr(path, ')') != NULL) : 0;
	WB_CLEAN_STR real = NULL;
	WB_CLEAN_STR full = NULL;
	WB_CLEAN_STRV names = {};
	WB_CLEAN_BLOB blob = {};
	struct wb_error ignored = {};
	const char *why;
	bool is_dir;
	int r;

	/* get_fileinfo() looks for a name without "/" in the root; grub_file_open() does not. */
	if (path[n] != '/' && op == 's')
		return UNSURE;
	if (asprintf(&full, "%.*s%s%s", (int)n, path, path[n] == '/' ? "" : "/", path + n) < 0) {
		full = NULL;
		t->r = -ENOMEM;
		return UNSURE;
	}
	r = wb_grub_locate(t->g, full, &real, &why);
	if (r < 0)
		t->r = r;
	if (r != WB_GRUB_FOUND)
		return r == WB_GRUB_ABSENT ? NO : UNSURE;
	if (op == 'e')
		return YES;
	r = files->list(files->ctx, real, &names, &ignored);
	if (r == -ENOMEM)
		t->r = r;
	is_dir = r >= 0;
	if (op == 'd' || op == 'f')
		return is_dir == (op == 'd') ? YES : NO;
	if (is_dir)
		return NO;
	r = files->read_at(files->ctx, real, 0, 1, &blob, &ignored);
	if (r == -ENOMEM)
		t->r = r;
	return r < 0 ? UNSURE : blob.size ? YES : NO;
}

/* A number as grub_strtosl() reads it: any other text is 0. */
static int number(const char *s)
{
	bool minus = *s == '-';
	const char *end;
	unsigned long value;

	if (!wb_grub_number(s + minus, &value, &end))
		return 0;
	return (int)(minus ? -value : value);
}

static unsigned long plain(const char *s)
{
	unsigned long value;
	const char *end;

	return wb_grub_number(s, &value, &end) ? value : 0;
}

/* "-pgt" and "-plt" compare the numbers behind a common prefix. */
static enum answer prefixed(const char *a, const char *b, bool greater)
{
	size_t i = 0;

	while (a[i] == b[i] && a[i])
		i++;
	while (i > 0 && a[i - 1] >= '0' && a[i - 1] <= '9' && i > 1)
		i--;
	return (greater ? plain(a + i) > plain(b + i) : plain(a + i) < plain(b + i)) ? YES : NO;
}

static enum answer compare(size_t op, const char *a, const char *b)
{
	int c = strcmp(a, b), x = number(a), y = number(b);
	const bool results[] = {!c, !c, c != 0, c<0, c <= 0, c> 0, c >= 0, x == y, x >= y, x > y,
		x <= y, x < y, x != y};

	return results[op] ? YES : NO;
}

/* A test of two operands. false: `op` is none. */
static bool test_pair(const char *a, const char *op, const char *b, enum answer *ret)
{
	static const char *const ops[] = {
		"=", "==", "!=", "<", "<=", ">", ">=", "-eq", "-ge", "-gt", "-le", "-lt", "-ne"};
	bool known = wb_grub_is_known(a) && wb_grub_is_known(b);

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		if (strcmp(op, ops[i]) != 0)
			continue;
		*ret = known ? compare(i, a, b) : UNSURE;
		return true;
	}
	if (strcmp(op, "-pgt") == 0 || strcmp(op, "-plt") == 0) {
		*ret = known ? prefixed(a, b, op[2] == 'g') : UNSURE;
		return true;
	}
	/* Times of files may differ between GRUB and this system. */
	*ret = UNSURE;
	return strncmp(op, "-nt", 3) == 0 || strncmp(op, "-ot", 3) == 0;
}

static enum answer evaluate(struct test *t)
{
	struct value v = {.both = YES, .either = NO};

	while (t->at < t->n) {
		const char *a = t->args[t->at];
		size_t left = t->n - t->at;
		enum answer is;

		if (left > 2 && test_pair(a, t->args[t->at + 1], t->args[t->at + 2], &is)) {
			update(&v, is);
			t->at += 3;
		} else if (left > 1 && a[0] == '-' && a[1] && !a[2] && strchr("defs", a[1])) {
			update(&v, file_has(t, a[1], t->args[t->at + 1]));
			t->at += 2;
		} else if (left > 1 && (strcmp(a, "-n") == 0 || strcmp(a, "-z") == 0)) {
			update(&v, !t->args[t->at + 1][0] == (a[1] == 'z') ? YES : NO);
			t->at += 2;
		} else if (strcmp(a, ")") == 0) {
			t->at++;
			t->depth -= t->depth > 0;
			break;
		} else if (strcmp(a, "(") == 0) {
			t->at++;
			/* GRUB gives up there, and its answer has no meaning. */
			if (++t->depth > MAX_DEPTH)
				return UNSURE;
			update(&v, evaluate(t));
		} else if (strcmp(a, "!") == 0) {
			v.invert = !v.invert;
			t->at++;
		} else if (strcmp(a, "-a") == 0) {
			t->at++;
		} else if (strcmp(a, "-o") == 0) {
			v.either = either_of(v.either, v.both);
			v.both = YES;
			t->at++;
		} else {
			update(&v, *a ? YES : NO);
			t->at++;
		}
	}
	return either_of(v.either, v.both);
}

int wb_grub_cmd_test(struct wb_grub *g, const struct wb_strv *args)
{
	struct test t = {.g = g, .args = args->items + 1, .n = args->n - 1};
	enum answer is;

	if (t.n && strcmp(t.args[t.n - 1], "]") == 0)
		t.n--;
	/* An unknown word may be none or several words, so the whole expression is unknown. */
	for (size_t i = 0; i < t.n; i++)
		if (!wb_grub_is_formed(t.args[i])) {
			g->status = -1;
			return 0;
		}
	is = evaluate(&t);
	g->status = is == UNSURE ? -1 : is == NO;
	return t.r;
}
