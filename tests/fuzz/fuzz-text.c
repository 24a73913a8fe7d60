// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Escapes, sizes and digits: values are within their bounds, and hex digits are written as they
 * were read.
 */
#include <stdlib.h>
#include <string.h>

#include "core/strv.h"
#include "core/text.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WB_CLEAN_STR text = strndup((const char *)data, size);
	WB_CLEAN_STR plain = wb_unescape_octal((const char *)data, size);
	WB_CLEAN_STR hex = malloc(2 * size + 1);
	WB_CLEAN_STR back = malloc(size + 1);
	const char *at = text, *end = NULL;
	struct wb_span line, word;
	uint64_t v;

	if (!text || !plain || !hex || !back)
		return 0;
	if (strlen(plain) > size)
		__builtin_trap();
	if (wb_memparse(text, &v, &end) == 0 && (end <= text || end > text + strlen(text)))
		__builtin_trap();
	while (wb_take_line(&at, &line))
		while (wb_take_word(&line, &word)) {
			wb_span_number(word, 10, &v);
			if (!word.n || word.s + word.n > text + strlen(text))
				__builtin_trap();
		}
	wb_hex_write(data, size, hex);
	if (!wb_hex_read(hex, size, (uint8_t *)back) || memcmp(back, data, size))
		__builtin_trap();
	wb_hex_read(text, size / 2, (uint8_t *)back);
	return 0;
}

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static const char *const texts[] = {"/a\\040b\\134\\1\\377", "512M!4G",
		"0x10000000000000000E", "0a1bff\n1 2\t3", "08K"};
	static struct wb_blob seeds[sizeof(texts) / sizeof(*texts)];

	*ret_n = sizeof(texts) / sizeof(*texts);
	for (size_t i = 0; i < *ret_n; i++)
		wb_blob_append(&seeds[i], texts[i], strlen(texts[i]));
	return seeds;
}
