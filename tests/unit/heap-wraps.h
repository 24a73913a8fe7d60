/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Allocations of the library, directed here by the linker (--wrap). asprintf(3) has more names, because Debian
 * builds with FORTIFY_SOURCE; all lead to the includer's __wrap_vasprintf().
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

int __wrap_vasprintf(char **ret, const char *fmt, va_list ap);
int __wrap___vasprintf_chk(char **ret, int flag, const char *fmt, va_list ap);
int __wrap_asprintf(char **ret, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int __wrap___asprintf_chk(char **ret, int flag, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

int __wrap___vasprintf_chk(char **ret, int flag, const char *fmt, va_list ap)
{
	return __wrap_vasprintf(ret, fmt, ap);
}

int __wrap_asprintf(char **ret, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = __wrap_vasprintf(ret, fmt, ap);
	va_end(ap);
	return r;
}

int __wrap___asprintf_chk(char **ret, int flag, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = __wrap_vasprintf(ret, fmt, ap);
	va_end(ap);
	return r;
}

#define HEAP_WRAP(fails, type, name, params, args)          \
	type __real_##name params;                          \
	type __wrap_##name params;                          \
	type __wrap_##name params                           \
	{                                                   \
		return fails() ? NULL : __real_##name args; \
	}

/*
 * Each allocation fails when the includer's bool fails(void) says so. printf(3) leaves *ret undefined on failure:
 * it is a pointer that free() does not survive.
 */
#define HEAP_WRAPS(fails)                                                                      \
	HEAP_WRAP(fails, void *, malloc, (size_t n), (n))                                      \
	HEAP_WRAP(fails, void *, calloc, (size_t n, size_t size), (n, size))                   \
	HEAP_WRAP(fails, void *, realloc, (void *p, size_t n), (p, n))                         \
	HEAP_WRAP(fails, void *, reallocarray, (void *p, size_t n, size_t size), (p, n, size)) \
	HEAP_WRAP(fails, char *, strdup, (const char *s), (s))                                 \
	HEAP_WRAP(fails, char *, strndup, (const char *s, size_t n), (s, n))                   \
	HEAP_WRAP(fails, FILE *, open_memstream, (char **p, size_t *n), (p, n))                \
	int __real_vasprintf(char **ret, const char *fmt, va_list ap);                         \
	int __wrap_vasprintf(char **ret, const char *fmt, va_list ap)                          \
	{                                                                                      \
		if (!fails())                                                                  \
			return __real_vasprintf(ret, fmt, ap);                                 \
		*ret = (char *)1;                                                              \
		return -1;                                                                     \
	}
