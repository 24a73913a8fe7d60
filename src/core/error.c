// SPDX-License-Identifier: LGPL-2.1-or-later
/* Recording one sentence for the user, with control characters made harmless. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"

/*
 * Length of the UTF-8 character at `s` (RFC 3629); 0 if there is none or it is a control character.
 */
static size_t character(const unsigned char *s)
{
	static const unsigned least[] = {0, 0x20, 0xa0, 0x800, 0x10000};
	size_t n = *s < 0x80 ? 1 : *s >> 5 == 6 ? 2 : *s >> 4 == 14 ? 3 : *s >> 3 == 30 ? 4 : 0;
	unsigned c = n == 1 ? *s : *s & (0x7fu >> n);

	for (size_t i = 1; i < n; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c == 0x7f || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return n;
}

void wb_make_plain(char *text)
{
	while (*text) {
		size_t n = character((const unsigned char *)text);

		if (!n)
			*text = '?';
		text += n ? n : 1;
	}
}

bool wb_is_plain(const char *text)
{
	while (*text) {
		size_t n = character((const unsigned char *)text);

		if (!n)
			return false;
		text += n;
	}
	return true;
}

char *wb_plain_copy(const char *text)
{
	char *copy = strdup(text);

	if (copy)
		wb_make_plain(copy);
	return copy;
}

int wb_fail(struct wb_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	wb_make_plain(err->text);
	return code;
}

int wb_oom(struct wb_error *err)
{
	return wb_fail(err, -ENOMEM, "out of memory");
}

int wb_fail_in(struct wb_error *err, int code, const char *fmt, ...)
{
	char old[sizeof(err->text)];
	va_list ap;
	size_t n;

	if (!err)
		return code;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	n = strlen(err->text);
	snprintf(err->text + n, sizeof(err->text) - n, "%s", old);
	wb_make_plain(err->text);
	return err->code ? err->code : code;
}
