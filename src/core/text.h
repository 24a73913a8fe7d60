/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The small notations of the kernel's texts and command lines: lines and words, octal escapes,
 * sizes, hexadecimal digits. Pure; no function cuts at a fixed size.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of a text with another owner; it does not end in a NUL. */
struct wb_span {
	const char *s;
	size_t n;
};

/* The next line of *text, without its line feed. false: the text is at its end. */
bool wb_take_line(const char **text, struct wb_span *ret);
/* The next word of *line, between blanks and tabs. false: there is none. */
bool wb_take_word(struct wb_span *line, struct wb_span *ret);
/*
 * The next `n` words, for lines with counted fields. false: there are fewer; *ret is untouched
 * then.
 */
bool wb_take_words(struct wb_span *line, struct wb_span *ret, size_t n);
bool wb_span_is(struct wb_span a, const char *s);
bool wb_span_begins(struct wb_span a, const char *s);
/* The parts before and after the first `at`; either may be `a` itself. false: there is none. */
bool wb_span_split(
	struct wb_span a, char at, struct wb_span *ret_before, struct wb_span *ret_after);
/* A copy, to be freed. NULL: out of memory. */
char *wb_span_copy(struct wb_span a);
/* The whole span as an unsigned number. false: it is none, or it does not fit. */
bool wb_span_number(struct wb_span a, unsigned base, uint64_t *ret);

/*
 * Undo octal escapes (seq_path() and seq_escape() in the kernel's fs/seq_file.c; fstab(5)): "\ooo",
 * of which the first digit is at most 3, is one byte. Any other backslash stays, and so does
 * "\000", since the result is a string. The result is a copy, to be freed. NULL: out of memory.
 */
char *wb_unescape_octal(const char *s, size_t n);

/*
 * A size as memparse() reads it (the kernel's lib/cmdline.c): decimal, octal "0…" or hexadecimal
 * "0x…", and one of K, M, G, T, P, E in either case. *ret_end, if not NULL, is set behind it.
 * -EINVAL: it has no digit; -ERANGE: it does not fit into 64 bits. (The kernel would keep the lower
 * 64 bits.)
 */
int wb_memparse(const char *s, uint64_t *ret, const char **ret_end);

/* Write n bytes as 2 * n lower-case digits and a NUL. */
void wb_hex_write(const uint8_t *data, size_t n, char *ret);
/* "4dea22b3-1d52-d8f3-2516-782e98ab3fa0": letters, digits and a NUL. */
#define WB_UUID_TEXT 37
void wb_uuid_write(const uint8_t id[16], char ret[WB_UUID_TEXT]);
/* Read exactly n bytes, as wb_hex_write() writes them. false: `hex` is something else, or NULL. */
bool wb_hex_read(const char *hex, size_t n, uint8_t *ret);
/* Read the first 2 * n digits of a longer text. */
bool wb_hex_begins(const char *hex, size_t n, uint8_t *ret);

/* Are both known, and equal? */
bool wb_text_same(const char *a, const char *b);
/* Does `s` end with `with`, or is it just that? */
bool wb_text_ends(const char *s, const char *with);

/* Make *to a copy of `text`. It is NULL afterwards if `text` is, or if memory runs out. */
void wb_text_replace(char **to, const char *text);
