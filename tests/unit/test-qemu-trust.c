// SPDX-License-Identifier: LGPL-2.1-or-later
/* A process of QEMU that a guest has taken over: its words, its mappings and its socket. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qemu/ram.h"
#include "qemu/stream-socket.h"
#include "qemu/unit-words.h"
#include "unit.h"

static char dir[64];

static char *ram_file(void)
{
	return wb_strf("%s/ram", dir);
}

static void words(struct wb_strv *v, const char *const *list)
{
	for (; *list; list++)
		assert_int_equal(wb_strv_add(v, *list), 0);
}

/* ---- the words that systemd knows ---- */

static int check_words(const char *const *process, const char *const *unit, struct wb_error *err)
{
	WB_CLEAN_STRV argv = {}, command = {};

	words(&argv, process);
	words(&command, unit);
	return wb_qemu_words_check("/usr/bin/qemu-system-x86_64", &argv, &command,
		"/run/warmboot/vm/v.service.ram", err);
}

#define Q "/usr/bin/qemu-system-x86_64"
#define UNIT_RAM "memory-backend-file,id=r,mem-path=/dev/hugepages/v,share=on"
#define MOVED_RAM \
	"memory-backend-file,id=r,mem-path=/run/warmboot/vm/v.service.ram,share=on,align=2M"
#define WORDS(...)          \
	{                   \
		__VA_ARGS__ \
	}
#define MACHINE "-machine", "q,memory-backend=r", "-object"

/* A guest that has taken over its QEMU writes over its words, and systemd would start them with all rights of the unit. */
static void words_that_systemd_does_not_know_are_refused(void **state)
{
	static const struct {
		const char *process[8], *unit[8]; /* these end with NULL */
		const char *want;                 /* NULL: they are used */
	} cases[] = {
		{WORDS("q", "-name", "v"), WORDS(Q, "q", "-name", "v"), NULL},
		/* The name of the program is nothing to QEMU. */
		{WORDS("other", "-name", "v"), WORDS(Q, Q, "-name", "v"), NULL},
		{WORDS("q", "-name", "v"), WORDS("/bin/qemu-system-x86_64", "q", "-name", "v"),
			NULL},
		{WORDS("q", "-name", "v"), WORDS("qemu-system-x86_64", "q", "-name", "v"), NULL},
		{WORDS("q", "-name", "$a"), WORDS(Q, "q", "-name", "$$a"), NULL},
		{WORDS("q", "-name", "a$b"), WORDS(Q, "q", "-name", "a$b"), NULL},
		/* An earlier jump has changed these. */
		{WORDS("q", MACHINE, MOVED_RAM, "-incoming", "defer"),
			WORDS(Q, "q", MACHINE, UNIT_RAM), NULL},
		{WORDS("q", "-name", "v"), WORDS(Q, "q", "-name", "v", "-run-with", "user=nobody"),
			"with the words of its unit (\"-incoming\" instead of \"-run-with\")"},
		{WORDS("q", "-name", "v", "-drive", "file=/etc/shadow"),
			WORDS(Q, "q", "-name", "v"), "(\"-drive\" instead of"},
		{WORDS("q", "-name", "v"), WORDS(Q, "q", "-name", "w"), "(\"v\" instead of \"w\")"},
		/* Only its own memory is elsewhere after a jump. */
		{WORDS("q", MACHINE, "memory-backend-file,id=r,mem-path=/etc/passwd,share=on"),
			WORDS(Q, "q", MACHINE, UNIT_RAM), "mem-path=/etc/passwd"},
		{WORDS("q", MACHINE, MOVED_RAM), WORDS(Q, "q", "-name", "v"),
			"names no file for its memory"},
		{WORDS("q", "-name", "v"), WORDS(Q, "q", "$OPTIONS"), "the variable \"$OPTIONS\""},
		{WORDS("q", "-name", "v"), WORDS(Q, "q", "-name", "${NAME}"), "the variable"},
		{WORDS("q", "-name", "v"), WORDS("/usr/local/bin/start", "start", "v"),
			"ExecStart= has to name QEMU itself"},
		{WORDS("q", "-name", "v"), WORDS("/tmp/qemu-system-x86_64", "q", "-name", "v"),
			"ExecStart= has to name QEMU itself"},
		{WORDS("q"), {}, "does not tell the one command"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wb_error err = {};
		int r = check_words(cases[i].process, cases[i].unit, &err);

		if (!cases[i].want && r < 0)
			fail_msg("%zu: %s", i, err.text);
		if (cases[i].want && (r == 0 || !strstr(err.text, cases[i].want)))
			fail_msg("%zu: %d, \"%s\" without \"%s\"", i, r, err.text, cases[i].want);
	}
}

/* ---- its memory ---- */

/* Look for a mapping of this process as if it were the memory of a guest. */
static int look_for(const char *path, int prot, int flags, struct wb_error *err)
{
	const size_t size = 4u << 20;
	int fd = open(path, (prot & PROT_WRITE ? O_RDWR : O_RDONLY) | O_CLOEXEC), r;
	struct wb_guest_ram ram = {};
	void *map;

	assert_true(fd >= 0);
	map = mmap(NULL, size, prot, flags, fd, 0);
	assert_true(map != MAP_FAILED);
	close(fd);
	r = wb_guest_ram_open(getpid(), size, &ram, err);
	munmap(map, size);
	assert_true(r < 0);
	return r;
}

/* So much of a line is read at once, and a path begins at this column (show_map_vma() in the kernel's fs/proc/task_mmu.c). */
#define LINE_PART 4399
#define PATH_COLUMN 73
#define LEVEL 200

/* Go down to a directory in whose files' names `text` begins with the second part of a line; returns such a name. */
static char *go_down(const char *text, unsigned *ret_levels)
{
	size_t at = PATH_COLUMN + strlen(dir) + 1, filler;
	char name[LEVEL + 1];

	memset(name, 'd', LEVEL);
	name[LEVEL] = '\0';
	assert_int_equal(chdir(dir), 0);
	for (*ret_levels = 0; at + LEVEL + 1 <= LINE_PART; at += LEVEL + 1, ++*ret_levels) {
		assert_int_equal(mkdir(name, 0700), 0);
		assert_int_equal(chdir(name), 0);
	}
	filler = LINE_PART - at;
	return wb_strf("%.*s%s", (int)filler, name, text);
}

static void go_up(unsigned levels)
{
	char name[LEVEL + 1];

	memset(name, 'd', LEVEL);
	name[LEVEL] = '\0';
	for (; levels; levels--) {
		assert_int_equal(chdir(".."), 0);
		assert_int_equal(rmdir(name), 0);
	}
	assert_int_equal(chdir("/"), 0);
}

/* The rest of a long path tells of a mapping that is there, and that is private. */
static void long_path_does_not_deceive(void **state)
{
	const size_t size = 4u << 20;
	WB_CLEAN_STR path = ram_file();
	WB_CLEAN_STR name = NULL;
	WB_CLEAN_STR text = NULL;
	struct wb_guest_ram ram = {};
	struct wb_error err = {};
	unsigned levels;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), other;
	char *private, *map;

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	private = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_true(private != MAP_FAILED);
	text = wb_strf("%lx-%lx rw-s 00000000 00:00 0", (unsigned long)private,
		(unsigned long)private + size);
	name = go_down(text, &levels);
	other = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(other >= 0);
	assert_int_equal(ftruncate(other, 4096), 0);
	map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, other, 0);
	assert_true(map != MAP_FAILED);
	assert_true(wb_guest_ram_open(getpid(), size, &ram, &err) < 0);
	assert_non_null(strstr(err.text, "is not one shared mapping"));
	munmap(map, 4096);
	munmap(private, size);
	close(other);
	close(fd);
	unlink(name);
	go_up(levels);
	unlink(path);
}

static void memory_of_others_is_not_taken(void **state)
{
	WB_CLEAN_STR path = ram_file();
	struct wb_error err = {};
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(ftruncate(fd, 4 << 20), 0);
	close(fd);
	/* A file that it can write to is found, and is no memory that stays. */
	look_for(path, PROT_READ | PROT_WRITE, MAP_SHARED, &err);
	if (geteuid() == 0)
		assert_non_null(strstr(err.text, "not in huge pages"));
	/* Another guest's, which it may only read. */
	look_for(path, PROT_READ, MAP_SHARED, &err);
	assert_non_null(strstr(err.text, "is not one shared mapping"));
	look_for(path, PROT_READ | PROT_WRITE, MAP_PRIVATE, &err);
	assert_non_null(strstr(err.text, "is not one shared mapping"));
	unlink(path);
}

/* ---- its socket ---- */

/* QEMU has the socket, too, and takes the bytes away before they are read. */
static int thief_space(void *ctx, uint8_t **ret, size_t *ret_n, struct wb_error *err)
{
	static uint8_t bytes[64];
	int fd = *(int *)ctx;

	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	*ret = bytes;
	*ret_n = sizeof(bytes);
	return 0;
}

static void thief_commit(void *ctx, size_t n)
{
}

static void bytes_that_are_gone_are_not_waited_for(void **state)
{
	struct wb_error err = {};
	int own, peer;
	const struct wb_room room = {&peer, thief_space, thief_commit};

	assert_int_equal(wb_qemu_socket_pair(&own, &peer, &err), 0);
	assert_int_equal(write(own, "bytes", 5), 5);
	assert_int_equal(wb_qemu_socket_read(peer, &room, 64, 200, &err), -ETIMEDOUT);
	close(own);
	close(peer);
}

static int make_dir(void **state)
{
	snprintf(dir, sizeof(dir), "/dev/shm/warmboot-trust.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_that_systemd_does_not_know_are_refused),
		cmocka_unit_test(memory_of_others_is_not_taken),
		cmocka_unit_test(long_path_does_not_deceive),
		cmocka_unit_test(bytes_that_are_gone_are_not_waited_for),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
