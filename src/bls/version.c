// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Comparing versions by the UAPI version format specification (UAPI.10), which agrees with rpm and
 * nearly with dpkg.
 */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "bls/version.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool counts(char c)
{
	return is_digit(c) || is_letter(c) || (c && strchr("~-^.", c));
}

static int compare_numbers(const char **a, const char **b)
{
	size_t na, nb;
	int r;

	*a += strspn(*a, "0");
	*b += strspn(*b, "0");
	na = strspn(*a, "0123456789");
	nb = strspn(*b, "0123456789");
	r = na != nb ? (na < nb ? -1 : 1) : strncmp(*a, *b, na);
	*a += na;
	*b += nb;
	return r;
}

/*
 * Compare runs of letters. Capital letters come before small ones, as in ASCII; a shorter run is
 * older.
 */
static int compare_letters(const char **a, const char **b)
{
	while (is_letter(**a) && is_letter(**b)) {
		if (**a != **b)
			return (unsigned char)**a < (unsigned char)**b ? -1 : 1;
		(*a)++;
		(*b)++;
	}
	return is_letter(**a) - is_letter(**b);
}

/*
 * A separator that only one side has decides: '~' is older than anything, even the end; then the
 * end; then '-', '^' and '.', in that order.
 */
static int compare_separator(char sep, const char **a, const char **b)
{
	if (**a == sep && **b == sep) {
		(*a)++;
		(*b)++;
		return 0;
	}
	return (**b == sep) - (**a == sep);
}

int wb_version_compare(const char *a, const char *b)
{
	static const char separators[] = "-^.";

	for (;;) {
		const char *start_a;
		int r;

		while (*a && !counts(*a))
			a++;
		while (*b && !counts(*b))
			b++;
		start_a = a;
		r = compare_separator('~', &a, &b);
		if (r)
			return r;
		if (a != start_a)
			continue;
		if (!*a || !*b)
			return !!*a - !!*b;
		for (const char *s = separators; *s && a == start_a; s++) {
			r = compare_separator(*s, &a, &b);
			if (r)
				return r;
		}
		if (a != start_a)
			continue;
		if (is_digit(*a) || is_digit(*b)) {
			/* A number is newer than letters. */
			if (is_digit(*a) != is_digit(*b))
				return is_digit(*a) ? 1 : -1;
			r = compare_numbers(&a, &b);
		} else {
			r = compare_letters(&a, &b);
		}
		if (r)
			return r < 0 ? -1 : 1;
	}
}
