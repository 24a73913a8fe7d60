// SPDX-License-Identifier: LGPL-2.1-or-later
/* A probe from a command line, the answer of a stranger, and an EFI variable. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "timeline/firmware.h"
#include "timeline/probe.h"

static int tcp(void *ctx, const char *host, uint16_t port, const char *request, char *answer,
	unsigned int size, int deadline_ms)
{
	size_t n = strnlen(ctx, size ? size - 1 : 0);

	if (answer) {
		memcpy(answer, ctx, n);
		answer[n] = '\0';
	}
	return 0;
}

static int run(void *ctx, const char *command, int deadline_ms)
{
	return (int)strlen(command) < 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	const struct wb_probe_io io = {text, tcp, run};
	struct wb_probe p;
	uint64_t us;

	if (text && wb_probe_parse(text, &p, NULL) == 0)
		wb_probe_ask(&io, &p, 1);
	if (text && wb_probe_parse("http://h/", &p, NULL) == 0)
		wb_probe_ask(&io, &p, 1);
	wb_efi_usec((struct wb_bytes){data, size}, &us);
	free(text);
	return 0;
}
