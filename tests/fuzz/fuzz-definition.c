// SPDX-License-Identifier: LGPL-2.1-or-later
/* A unit file with a drop-in. No line of it may reach the replacement unless it is one to keep. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "restore/replacement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct wb_replacement_wishes wishes = {
		"/usr/sbin/warmboot", .before_coldplug = true, .deadline_s = 60};
	char *text = malloc(size + 1), *rest;
	WB_CLEAN_STR out = NULL;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	rest = text + strlen(text);
	if (rest < text + size)
		rest++;
	{
		struct wb_unit_text files[] = {{.text = text}, {.text = rest}};
		struct wb_manifest_unit u = {
			.unit = "foo.service", .definition = {.items = files, .n = 2}};

		if (wb_replacement_text(&u, &wishes, &out, NULL) == 0)
			for (const char *p = out; (p = strstr(p, "\nExec")); p++)
				if (strncmp(p, "\nExecPaths=", 11) && !strstr(p, "/warmboot thaw"))
					abort();
	}
	free(text);
	return 0;
}
