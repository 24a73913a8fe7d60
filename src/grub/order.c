// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sorting the files that GRUB makes entries of: Red Hat's blscfg sorts as rpm sorts packages
 * (commands/blscfg.c), GRUB 2.14's as gnulib's filevercmp().
 */
#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "grub/order.h"

/* A part of a name. */
struct part {
	const char *p, *end;
};

static int at(struct part a)
{
	return a.p < a.end ? (unsigned char)*a.p : 0;
}

static size_t run_of(struct part a, int (*is)(int))
{
	size_t n = 0;

	while (a.p + n < a.end && is((unsigned char)a.p[n]))
		n++;
	return n;
}

static int compare_text(const char *a, size_t na, const char *b, size_t nb)
{
	int c = memcmp(a, b, na < nb ? na : nb);

	if (!c)
		c = (na > nb) - (na < nb);
	return (c > 0) - (c < 0);
}

static void skip_separators(struct part *a)
{
	while (at(*a) && !isalnum(at(*a)) && at(*a) != '~' && at(*a) != '+')
		a->p++;
}

/* Compare marks: '~' is older than anything, '+' than anything but the end. 2: neither. */
static int compare_marks(struct part *a, struct part *b)
{
	if (at(*a) == '~' || at(*b) == '~') {
		if (at(*a) != at(*b))
			return at(*a) == '~' ? -1 : 1;
	} else if (at(*a) == '+' || at(*b) == '+') {
		if (!at(*a) || !at(*b))
			return at(*a) ? 1 : -1;
		if (at(*a) != at(*b))
			return at(*a) == '+' ? -1 : 1;
	} else {
		return 2;
	}
	a->p++;
	b->p++;
	return 0;
}

/* rpm's vercmp(). */
static int compare_version(struct part a, struct part b)
{
	for (;;) {
		size_t na, nb;
		bool number;
		int c;

		skip_separators(&a);
		skip_separators(&b);
		c = compare_marks(&a, &b);
		if (c == 1 || c == -1)
			return c;
		if (c == 0)
			continue;
		if (!at(a) || !at(b))
			return !!at(a) - !!at(b);
		number = isdigit(at(a));
		na = run_of(a, number ? isdigit : isalpha);
		nb = run_of(b, number ? isdigit : isalpha);
		if (!na || !nb)
			return number ? 1 : -1;
		if (number) {
			struct part x = {a.p, a.p + na}, y = {b.p, b.p + nb};

			while (at(x) == '0')
				x.p++;
			while (at(y) == '0')
				y.p++;
			c = (x.end - x.p > y.end - y.p) - (x.end - x.p < y.end - y.p);
			if (!c)
				c = compare_text(
					x.p, (size_t)(x.end - x.p), y.p, (size_t)(y.end - y.p));
		} else {
			c = compare_text(a.p, na, b.p, nb);
		}
		if (c)
			return c;
		a.p += na;
		b.p += nb;
	}
}

/* Split NAME-VERSION-RELEASE (split_package_string()); missing parts leave the later ones empty. */
static void split(const char *s, struct part ret[3])
{
	const char *end = s + strlen(s), *dash[2] = {NULL, NULL};

	for (const char *p = end; p > s && !dash[1];)
		if (*--p == '-')
			dash[dash[0] ? 1 : 0] = p;
	if (dash[1]) {
		ret[0] = (struct part){s, dash[1]};
		ret[1] = (struct part){dash[1] + 1, dash[0]};
		ret[2] = (struct part){dash[0] + 1, end};
	} else {
		ret[0] = (struct part){s, dash[0] ? dash[0] : end};
		ret[1] = (struct part){dash[0] ? dash[0] + 1 : end, end};
		ret[2] = (struct part){end, end};
	}
}

int wb_grub_compare_rpm(const char *a, const char *b)
{
	struct part x[3], y[3];
	int c = 0;

	split(a, x);
	split(b, y);
	for (size_t i = 0; i < 3 && !c; i++)
		c = compare_version(x[i], y[i]);
	return c;
}

/* gnulib's order() */
static int rank(const char *s, size_t i, size_t n)
{
	unsigned char c;

	if (i >= n)
		return -1;
	c = (unsigned char)s[i];
	if (isdigit(c))
		return 0;
	if (isalpha(c))
		return c;
	return c == '~' ? -2 : c + UCHAR_MAX + 1;
}

static bool is_digit(const char *s, size_t i, size_t n)
{
	return i < n && isdigit((unsigned char)s[i]);
}

/* gnulib's verrevcmp() */
static int compare_filever(const char *a, size_t na, const char *b, size_t nb)
{
	size_t i = 0, k = 0;

	while (i < na || k < nb) {
		int diff = 0;

		while ((i < na && !is_digit(a, i, na)) || (k < nb && !is_digit(b, k, nb))) {
			int x = rank(a, i, na), y = rank(b, k, nb);

			if (x != y)
				return x < y ? -1 : 1;
			i++;
			k++;
		}
		while (i < na && a[i] == '0')
			i++;
		while (k < nb && b[k] == '0')
			k++;
		for (; is_digit(a, i, na) && is_digit(b, k, nb); i++, k++)
			diff = diff ? diff : a[i] - b[k];
		if (is_digit(a, i, na))
			return 1;
		if (is_digit(b, k, nb))
			return -1;
		if (diff)
			return diff < 0 ? -1 : 1;
	}
	return 0;
}

/* Length without the suffixes: (\.[A-Za-z~][A-Za-z0-9~]*)*$ */
static size_t prefix_of(const char *s)
{
	size_t i = 0, n = strlen(s), prefix = 0;

	while (i < n) {
		prefix = ++i;
		while (i + 1 < n && s[i] == '.' &&
			(isalpha((unsigned char)s[i + 1]) || s[i + 1] == '~'))
			for (i += 2; i < n && (isalnum((unsigned char)s[i]) || s[i] == '~'); i++)
				;
	}
	return prefix;
}

int wb_grub_compare_filever(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b), pa, pb;
	int c;

	if (!na || !nb)
		return !!na - !!nb;
	/* Hidden names come first. */
	if ((*a == '.') != (*b == '.'))
		return *a == '.' ? -1 : 1;
	pa = prefix_of(a);
	pb = prefix_of(b);
	c = compare_filever(a, pa, b, pb);
	return c || (pa == na && pb == nb) ? c : compare_filever(a, na, b, nb);
}
