// SPDX-License-Identifier: LGPL-2.1-or-later
/* Swap space that is readable on a disk, and core dumps of this process. */
#define _GNU_SOURCE
#include "unit.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake-files.h"
#include "criu/run.h"
#include "sys/paging.h"

#define HEAD "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
#define B "/sys/class/block/"
#define MOUNTS                                                    \
	"21 1 254:1 / / rw,relatime - ext4 /dev/mapper/root rw\n" \
	"22 21 0:40 / /data rw - btrfs /dev/sdb1 rw\n"

/* A machine with everything; which swap is on is each case's. */
static struct wb_files machine(struct fake_file *disk, const char *swaps)
{
	const struct fake_file all[] = {
		{"/proc/swaps", .text = swaps},
		{"/proc/self/mountinfo", MOUNTS},
		{"/sys/dev/block/254:1", .link = "../../devices/virtual/block/dm-1"},
		{B "sda2/partition", "2\n"},
		{B "zram0/comp_algorithm", "lzo [zstd]\n"},
		{B "zram0/backing_dev", "none\n"},
		{B "zram1/comp_algorithm", "lzo [zstd]\n"},
		{B "zram1/backing_dev", "/dev/sda3\n"},
		{B "zram2/comp_algorithm", "[lzo]\n"},
		{B "zram3/size", "1\n"},
		{B "dm-0/dm/uuid", "CRYPT-LUKS2-0123-swap\n"},
		{B "dm-0/slaves/sda2/size", "1\n"},
		/* LVM on LUKS, on a disk, on both; and on itself. */
		{B "dm-1/dm/uuid", "LVM-abc\n"},
		{B "dm-1/slaves/dm-0/size", "1\n"},
		{B "dm-2/dm/uuid", "LVM-def\n"},
		{B "dm-2/slaves/sda2/size", "1\n"},
		{B "dm-3/dm/uuid", "LVM-ghi\n"},
		{B "dm-3/slaves/dm-0/size", "1\n"},
		{B "dm-3/slaves/sda2/size", "1\n"},
		{B "dm-4/dm/uuid", "LVM-jkl\n"},
		{B "dm-4/slaves/dm-4/size", "1\n"},
		{B "dm-5/dm/uuid", "CRYPT-VERITY-0123-x\n"},
		{B "dm-5/slaves/sda2/size", "1\n"},
		{B "dm-6/dm/uuid", "CRYPT-INTEGRITY-x\n"},
		{B "dm-6/slaves/sda2/size", "1\n"},
		{B "md0/slaves/dm-0/size", "1\n"},
		{},
	};

	memcpy(disk, all, sizeof(all));
	return fake_files(disk);
}

static void swap_in_memory_or_encrypted(void **state)
{
	static const char *const good[] = {
		"",
		HEAD,
		HEAD "/dev/zram0 partition 1024 0 100\n",
		HEAD "/dev/zram2 partition 1024 0 100\n",
		HEAD "/dev/dm-0                               partition\t1024\t0\t-2\n",
		HEAD "/dev/dm-1 partition 1024 0 -2\n/dev/zram0 partition 1 0 5\n",
		HEAD "/dev/md0 partition 1024 0 -2\n",
		HEAD "/swapfile file 1024 0 -2\n",
		HEAD "/a\\040b file 1024 0 -2\n",
	};
	struct fake_file disk[32];
	struct wb_error why = {};
	struct wb_files none;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct wb_files files = machine(disk, good[i]);

		if (wb_swap_in_the_clear(&files, &why))
			fail_msg("%s: %s", good[i], why.text);
		assert_int_equal(wb_criu_memory_allowed(&files, false, &why), 0);
	}
	disk[0] = (struct fake_file){"/etc/none", ""};
	none = fake_files(disk);
	assert_int_equal(wb_swap_in_the_clear(&none, &why), 0);
}

static void swap_in_the_clear(void **state)
{
	static const struct {
		const char *line, *words;
	} bad[] = {
		{"/dev/sda2 partition 1024 0 -2\n", "/dev/sda2"},
		{"/dev/zram0 partition 1 0 5\n/dev/sda2 partition 1024 0 -2\n", "/dev/sda2"},
		/* zram writes what does not compress to a disk. */
		{"/dev/zram1 partition 1 0 5\n", "/dev/zram1"},
		{"/dev/zram3 partition 1 0 5\n", "/dev/zram3"},
		{"/dev/dm-2 partition 1 0 5\n", "/dev/dm-2"},
		{"/dev/dm-3 partition 1 0 5\n", "/dev/dm-3"},
		{"/dev/dm-4 partition 1 0 5\n", "/dev/dm-4"},
		{"/dev/dm-5 partition 1 0 5\n", "/dev/dm-5"},
		{"/dev/dm-6 partition 1 0 5\n", "/dev/dm-6"},
		{"/dev/dm-9 partition 1 0 5\n", "/dev/dm-9"},
		{"/dev/mapper/swap partition 1 0 5\n", "/dev/mapper/swap"},
		{"/tmp/node partition 1 0 5\n", "/tmp/node"},
		{"/dev/dm-0\\040(deleted) partition 1 0 5\n", "(deleted)"},
		{"/data/swapfile file 1 0 5\n", "/data/swapfile"},
		{"swapfile file 1 0 5\n", "swapfile"},
		{"nonsense\n", "not understood"},
	};
	struct fake_file disk[32];
	char text[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct wb_error why = {};
		struct wb_files files;

		snprintf(text, sizeof(text), HEAD "%s", bad[i].line);
		files = machine(disk, text);
		if (wb_swap_in_the_clear(&files, &why) != 1 || !strstr(why.text, bad[i].words))
			fail_msg("%s: %s", bad[i].line, why.text);
		why = (struct wb_error){};
		assert_int_equal(wb_criu_memory_allowed(&files, true, &why), 0);
		assert_int_equal(wb_criu_memory_allowed(&files, false, &why), -EOPNOTSUPP);
		assert_non_null(strstr(why.text, bad[i].words));
		assert_non_null(strstr(why.text, "noswap"));
	}
}

/* On this machine as it is: with the option, or, where there is clear swap, not at all. */
static void images_have_memory_that_stays(void **state)
{
	char dir[] = "/tmp/wb-paging.XXXXXX";
	struct fake_file disk[32];
	struct wb_files files = machine(disk, HEAD "/dev/sda2 partition 1024 0 -2\n");
	struct wb_sys sys = {.files = &files};
	struct wb_error err = {};
	WB_CLEAN_CRIU_RUN r;
	struct stat st;
	int e;

	assert_non_null(mkdtemp(dir));
	wb_criu_run_init(&r);
	r.sys = &sys;
	r.dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	e = wb_criu_make_memory(&r, &err);
	if (e < 0) {
		assert_int_equal(e, -EOPNOTSUPP);
		assert_int_equal(r.memory, -1);
	} else {
		assert_int_equal(fstat(r.memory, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0700);
	}
	/* No file of it is below /run, where the option does not exist. */
	assert_int_equal(faccessat(r.dir_fd, "memory", F_OK, 0), -1);
	assert_int_equal(rmdir(dir), 0);
}

/* ---- a child process ---- */

/* "Max core file size" of a process, as its soft limit. */
static long core_limit(const char *text)
{
	const char *line = strstr(text, "Max core file size");

	assert_non_null(line);
	return strtol(line + strlen("Max core file size"), NULL, 10);
}

static void read_limits(int fd, char *ret, size_t n)
{
	ssize_t got, sum = 0;

	while ((got = read(fd, ret + sum, n - 1 - (size_t)sum)) > 0)
		sum += got;
	ret[sum] = 0;
}

/* In the child: itself, or a program that it starts as it starts criu. */
static void live(int out, bool program)
{
	char *const argv[] = {"cat", "/proc/self/limits", NULL};
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	char text[4096];
	int fd;

	setrlimit(RLIMIT_CORE, &all);
	if (wb_keep_memory_private(NULL) < 0 || prctl(PR_GET_DUMPABLE) != 0)
		_exit(1);
	if (program) {
		dup2(out, STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(1);
	}
	/* A forked child is not dumpable any more either. */
	if (fork() == 0)
		_exit(prctl(PR_GET_DUMPABLE) ? 1 : 0);
	fd = open("/proc/thread-self/limits", O_RDONLY);
	read_limits(fd, text, sizeof(text));
	if (write(out, text, strlen(text)) < 0)
		_exit(1);
	wait(&fd);
	_exit(fd ? 1 : 0);
}

static void nothing_of_it_is_dumped(void **state)
{
	for (int program = 0; program < 2; program++) {
		char text[4096];
		int ends[2], status;
		pid_t pid;

		assert_int_equal(pipe(ends), 0);
		pid = fork();
		if (pid == 0)
			live(ends[1], program);
		close(ends[1]);
		read_limits(ends[0], text, sizeof(text));
		close(ends[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(core_limit(text), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(swap_in_memory_or_encrypted),
		cmocka_unit_test(swap_in_the_clear),
		cmocka_unit_test(images_have_memory_that_stays),
		cmocka_unit_test(nothing_of_it_is_dumped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
