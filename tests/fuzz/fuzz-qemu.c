// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Words of a QEMU that a guest has taken over, one a line: the words for the next time end as they must and are the same when
 * made once more, and only those are taken that systemd knows.
 */
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "fuzz.h"
#include "qemu/cmdline.h"
#include "qemu/unit-words.h"

#define QEMU "/usr/bin/qemu-system-x86_64"
#define MEMORY "/run/warmboot/vm/v.service.ram"

static bool is_same(const struct wb_strv *a, const struct wb_strv *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = !strcmp(a->items[i], b->items[i]);
	return same;
}

/* *ret is what it is to be next time. */
static int again(const struct wb_strv *argv, const char *memory, struct wb_strv *ret)
{
	WB_CLEAN_QEMU_ARGS args = {};
	struct wb_error err = {};

	if (wb_qemu_args_read(argv, &args) < 0)
		return -1;
	return wb_qemu_args_again(argv, &args, memory, ret, &err);
}

static void check_again(const struct wb_strv *argv, const char *memory)
{
	WB_CLEAN_STRV once = {}, twice = {};

	if (!argv->n || again(argv, memory, &once) < 0)
		return;
	if (once.n < 2 || strcmp(once.items[once.n - 2], "-incoming") ||
		strcmp(once.items[once.n - 1], "defer"))
		__builtin_trap();
	if (again(&once, NULL, &twice) < 0 || !is_same(&once, &twice))
		__builtin_trap();
}

/* A unit with these words has started a QEMU with these words; one word more is one too many. */
static void check_words(const struct wb_strv *argv)
{
	WB_CLEAN_STRV unit = {}, more = {};
	WB_CLEAN_QEMU_ARGS args = {};
	struct wb_error err = {};

	if (wb_qemu_args_read(argv, &args) < 0 || !argv->n || args.mem_path ||
		wb_strv_add(&unit, QEMU) < 0)
		return;
	for (size_t i = 0; i < argv->n; i++) {
		if (strchr(argv->items[i], '$') || wb_strv_add(&unit, argv->items[i]) < 0 ||
			wb_strv_add(&more, argv->items[i]) < 0)
			return;
	}
	if (wb_qemu_words_check(QEMU, argv, &unit, MEMORY, &err) != 0)
		__builtin_trap();
	/* Words that an earlier jump may have added are left out on both sides. */
	if (wb_strv_add(&more, "x") == 0 && wb_strv_add(&more, "y") == 0 &&
		wb_qemu_words_check(QEMU, &more, &unit, MEMORY, &err) == 0)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WB_CLEAN_STR text = strndup((const char *)data, size);
	const char *rest = text;
	WB_CLEAN_STRV argv = {};
	struct wb_span line;

	while (text && wb_take_line(&rest, &line)) {
		WB_CLEAN_STR word = wb_span_copy(line);

		if (!word || wb_strv_add(&argv, word) < 0)
			return 0;
	}
	check_again(&argv, NULL);
	check_again(&argv, MEMORY);
	check_words(&argv);
	return 0;
}

const struct wb_blob *wb_fuzz_seeds(size_t *ret_n)
{
	static const char *const texts[] = {
		"qemu\n-name\nguest=web,debug-threads=on\n-machine\npc-q35-10.0,memory-backend=r\n-"
		"object\n"
		"memory-backend-file,id=r,size=1G,mem-path=/dev/hugepages/a,,b,share=on\n-qmp\n"
		"unix:/run/q,server=on\n",
		"qemu\n-machine\nq,memory-backend=r\n-object\n{\"qom-type\": "
		"\"memory-backend-file\", "
		"\"id\": \"r\", \"mem-path\": \"/dev/x\", \"share\": true}\n-incoming\ndefer\n",
		"qemu\n-chardev\nsocket,id=c,path=/run/q\n-mon\nchardev=c,mode=control\n-device\n"
		"virtserialport,chardev=c,name=org.qemu.guest_agent.0\n-tpmdev\nemulator,id=t\n-"
		"nic\n"
		"tap\n-loadvm\nx\n"};
	static struct wb_blob seeds[sizeof(texts) / sizeof(*texts)];

	*ret_n = sizeof(texts) / sizeof(*texts);
	for (size_t i = 0; i < *ret_n; i++)
		wb_blob_append(&seeds[i], texts[i], strlen(texts[i]));
	return seeds;
}
