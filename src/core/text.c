// SPDX-License-Identifier: LGPL-2.1-or-later
/* Lines, words, numbers, sizes, octal escapes and hexadecimal digits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

bool wb_take_line(const char **text, struct wb_span *ret)
{
	size_t n = strcspn(*text, "\n");

	if (!**text)
		return false;
	*ret = (struct wb_span){*text, n};
	*text += n + ((*text)[n] == '\n');
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool wb_take_word(struct wb_span *line, struct wb_span *ret)
{
	size_t from = 0, to;

	while (from < line->n && is_blank(line->s[from]))
		from++;
	for (to = from; to < line->n && !is_blank(line->s[to]);)
		to++;
	if (to == from)
		return false;
	*ret = (struct wb_span){line->s + from, to - from};
	*line = (struct wb_span){line->s + to, line->n - to};
	return true;
}

bool wb_take_words(struct wb_span *line, struct wb_span *ret, size_t n)
{
	struct wb_span rest = *line, word;

	for (size_t i = 0; i < n; i++)
		if (!wb_take_word(&rest, &word))
			return false;
	for (size_t i = 0; i < n; i++)
		wb_take_word(line, &ret[i]);
	return true;
}

bool wb_span_is(struct wb_span a, const char *s)
{
	return strlen(s) == a.n && !memcmp(a.s, s, a.n);
}

bool wb_span_begins(struct wb_span a, const char *s)
{
	return strlen(s) <= a.n && !memcmp(a.s, s, strlen(s));
}

bool wb_span_split(struct wb_span a, char at, struct wb_span *ret_before, struct wb_span *ret_after)
{
	const char *found = a.n ? memchr(a.s, at, a.n) : NULL;

	if (!found)
		return false;
	*ret_before = (struct wb_span){a.s, (size_t)(found - a.s)};
	*ret_after = (struct wb_span){found + 1, a.n - ret_before->n - 1};
	return true;
}

char *wb_span_copy(struct wb_span a)
{
	return strndup(a.s, a.n);
}

/* Value of a digit; 16 and more: it is no digit. */
static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

/* strtoull() would also accept blanks, signs and, with some libraries, "0b". */
static bool add_digit(uint64_t *v, unsigned base, unsigned digit)
{
	return !__builtin_mul_overflow(*v, base, v) && !__builtin_add_overflow(*v, digit, v);
}

bool wb_span_number(struct wb_span a, unsigned base, uint64_t *ret)
{
	uint64_t v = 0;

	for (size_t i = 0; i < a.n; i++) {
		unsigned digit = digit_value(a.s[i]);

		if (digit >= base || !add_digit(&v, base, digit))
			return false;
	}
	if (!a.n)
		return false;
	*ret = v;
	return true;
}

static bool is_octal(char c, char most)
{
	return c >= '0' && c <= most;
}

char *wb_unescape_octal(const char *s, size_t n)
{
	char *out = malloc(n + 1);
	size_t to = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		unsigned c = (unsigned char)s[i];

		if (n - i >= 4 && s[i] == '\\' && is_octal(s[i + 1], '3') &&
			is_octal(s[i + 2], '7') && is_octal(s[i + 3], '7') &&
			memcmp(s + i, "\\000", 4)) {
			c = (unsigned)(s[i + 1] - '0') << 6 | (unsigned)(s[i + 2] - '0') << 3 |
			    (unsigned)(s[i + 3] - '0');
			i += 3;
		}
		out[to++] = (char)c;
	}
	out[to] = '\0';
	return out;
}

int wb_memparse(const char *s, uint64_t *ret, const char **ret_end)
{
	static const char units[] = "KMGTPE";
	unsigned base = 10;
	const char *unit;
	uint64_t v = 0;
	int r = 0;

	/* The base is chosen as by _parse_integer_fixup_radix() in the kernel's lib/kstrtox.c. */
	if (s[0] == '0') {
		base = (s[1] | 0x20) == 'x' && digit_value(s[2]) < 16 ? 16 : 8;
		s += base == 16 ? 2 : 0;
	}
	if (digit_value(*s) >= base)
		return -EINVAL;
	for (; digit_value(*s) < base; s++)
		if (!add_digit(&v, base, digit_value(*s)))
			r = -ERANGE;
	unit = *s ? strchr(units, *s & ~0x20) : NULL;
	if (unit && *unit) {
		unsigned shift = 10 * (unsigned)(unit - units + 1);

		if (v > UINT64_MAX >> shift)
			r = -ERANGE;
		v <<= shift;
		s++;
	}
	if (r < 0)
		return r;
	*ret = v;
	if (ret_end)
		*ret_end = s;
	return 0;
}

static const char digits[] = "0123456789abcdef";

void wb_hex_write(const uint8_t *data, size_t n, char *ret)
{
	for (size_t i = 0; i < n; i++) {
		*ret++ = digits[data[i] >> 4];
		*ret++ = digits[data[i] & 15];
	}
	*ret = '\0';
}

void wb_uuid_write(const uint8_t id[16], char ret[WB_UUID_TEXT])
{
	char hex[33];

	wb_hex_write(id, 16, hex);
	snprintf(ret, WB_UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		hex + 20);
}

bool wb_hex_begins(const char *hex, size_t n, uint8_t *ret)
{
	if (!hex || strspn(hex, digits) < 2 * n)
		return false;
	for (size_t i = 0; i < n; i++)
		ret[i] = (uint8_t)(digit_value(hex[2 * i]) << 4 | digit_value(hex[2 * i + 1]));
	return true;
}

bool wb_hex_read(const char *hex, size_t n, uint8_t *ret)
{
	return hex && strlen(hex) == 2 * n && wb_hex_begins(hex, n, ret);
}

bool wb_text_same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

bool wb_text_ends(const char *s, const char *with)
{
	size_t n = strlen(s), m = strlen(with);

	return n >= m && !strcmp(s + n - m, with);
}

void wb_text_replace(char **to, const char *text)
{
	free(*to);
	*to = text ? strdup(text) : NULL;
}
