// SPDX-License-Identifier: LGPL-2.1-or-later
/* DAX devices by sysfs: Documentation/ABI/testing/sysfs-bus-dax, drivers/dax/bus.c. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/crew.h"
#include "core/text.h"
#include "qemu/dax.h"
#include "sys/below.h"
#include "sys/clock.h"

#define DEVICES "/sys/bus/dax/devices"
#define DRIVER "/sys/bus/dax/drivers/device_dax"
/* The region's first device comes a moment after its driver. */
#define PATIENCE_MS 10000

static int write_text(const char *path, const char *text)
{
	WB_CLEAN_FD fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int64_t read_size(const char *name)
{
	char path[320], text[32] = "";
	WB_CLEAN_FD fd = -1;

	snprintf(path, sizeof(path), DEVICES "/%s/size", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	return strtoll(text, NULL, 0);
}

static int add_mapping(const char *name, const struct wb_guest_run *run)
{
	char path[320], text[64];

	snprintf(path, sizeof(path), DEVICES "/%s/mapping", name);
	snprintf(text, sizeof(text), "%" PRIx64 "-%" PRIx64, (uint64_t)run->start,
		(uint64_t)(run->start + run->size - 1));
	return write_text(path, text);
}

static void take_back(const char *name)
{
	char path[320];

	snprintf(path, sizeof(path), DEVICES "/%s/size", name);
	write_text(path, "0");
}

/* Give all pieces to this device. 1: they are there; 0: its region is another one. */
static int fill(const char *name, const wb_guest_runs *runs, struct wb_error *err)
{
	for (size_t i = 0; i < runs->n; i++) {
		int r = add_mapping(name, &runs->items[i]);

		if (r < 0 && !i)
			return 0;
		if (r < 0) {
			take_back(name);
			return wb_fail(err, r,
				"the kernel does not give the memory at %#" PRIx64 " to %s: %s",
				(uint64_t)runs->items[i].start, name, strerror(-r));
		}
	}
	return 1;
}

/* Each region has a device without memory, or makes one. */
static void make_more(void)
{
	DIR *d = opendir(DEVICES);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[320];

		if (*e->d_name == '.')
			continue;
		snprintf(path, sizeof(path), DEVICES "/%.200s/../dax_region/create", e->d_name);
		write_text(path, "1");
	}
	if (d)
		closedir(d);
}

/* 1: *ret_name is a device with all of it; 0: there is none yet. */
static int find(const wb_guest_runs *runs, char ret_name[64], struct wb_error *err)
{
	DIR *d = opendir(DEVICES);
	struct dirent *e;
	int r = 0;

	while (r == 0 && d && (e = readdir(d))) {
		char link[320];

		/* A device with a driver is in use. */
		snprintf(link, sizeof(link), DEVICES "/%.200s/driver", e->d_name);
		if (*e->d_name == '.' || read_size(e->d_name) != 0 || access(link, F_OK) == 0)
			continue;
		r = fill(e->d_name, runs, err);
		if (r > 0)
			snprintf(ret_name, 64, "%.63s", e->d_name);
	}
	if (d)
		closedir(d);
	return r;
}

static int find_until(const wb_guest_runs *runs, char ret_name[64], struct wb_error *err)
{
	const struct timespec moment = {.tv_nsec = 20000000};
	int64_t end = wb_now_ms() + PATIENCE_MS;
	bool more = false;
	int r;

	while ((r = find(runs, ret_name, err)) == 0) {
		if (wb_now_ms() > end)
			return wb_fail(err, -ENODEV,
				"no region of memory has the guest's: the kernel was not entered "
				"with dax_hmem.region_idle=1, or lacks the driver dax_hmem");
		if (!more)
			make_more();
		more = true;
		nanosleep(&moment, NULL);
	}
	return r;
}

static int bind_it(const char *name, uint64_t size, char **ret, struct wb_error *err)
{
	int64_t has = read_size(name);
	WB_CLEAN_STR path = NULL;
	struct stat st;
	int r;

	if (has < 0 || (uint64_t)has != size)
		return wb_fail(err, -EBADMSG, "%s has %" PRId64 " bytes and not %" PRIu64, name,
			has, size);
	r = write_text(DRIVER "/bind", name);
	if (r < 0)
		return wb_fail(
			err, r, "the driver device_dax does not take %s: %s", name, strerror(-r));
	path = wb_strf("/dev/%s", name);
	if (!path)
		return wb_oom(err);
	if (stat(path, &st) < 0 || !S_ISCHR(st.st_mode))
		return wb_fail(err, -ENODEV, "%s is not there", path);
	*ret = path;
	path = NULL;
	return 0;
}

/*
 * Guests come back side by side, and two that fill the same free device would mix their pieces. Each holds the lock for some
 * milliseconds once the region is there.
 */
static int take_turn(int *ret, struct wb_error *err)
{
	const struct timespec moment = {.tv_nsec = 5000000};
	int64_t end = wb_now_ms() + 3 * PATIENCE_MS;
	WB_CLEAN_FD fd = open(DEVICES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return wb_fail(err, -ENODEV, "the kernel has no DAX devices");
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (wb_now_ms() > end)
			return wb_fail(err, -ETIMEDOUT, "another guest's device is not done");
		nanosleep(&moment, NULL);
	}
	*ret = fd;
	fd = -1;
	return 0;
}

int wb_guest_dax_make(const struct wb_runner *runner, const wb_guest_runs *runs, uint64_t size,
	char **ret, struct wb_error *err)
{
	static const char *const load[] = {"modprobe", "-a", "dax_hmem", "device_dax", NULL};
	WB_CLEAN_FD turn = -1;
	char name[64];
	int r = wb_run(runner, load, (struct wb_bytes){}, NULL, err);

	if (r == 0)
		r = take_turn(&turn, err);
	if (r == 0)
		r = find_until(runs, name, err);
	if (r < 0)
		return r;
	r = bind_it(name, size, ret, err);
	if (r < 0)
		take_back(name);
	return r;
}

/* ---- the end of a guest ---- */

/* So much is zeroed by one worker at a time. */
#define PART (256ull << 20)

struct zeroing {
	char *map;
	uint64_t size;
};

static void zero_part(void *ctx, size_t i)
{
	const struct zeroing *z = ctx;
	uint64_t at = i * PART;

	memset(z->map + at, 0, z->size - at < PART ? z->size - at : PART);
}

static int zero(int fd, const char *name, struct wb_error *err)
{
	int64_t size = read_size(name);
	struct zeroing z = {.size = (uint64_t)size};
	void *map;

	if (size <= 0)
		return wb_fail(err, -EINVAL, "%s has no memory", name);
	map = mmap(NULL, z.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return wb_fail(err, -errno, "cannot map %s: %s", name, strerror(errno));
	z.map = map;
	wb_crew((z.size + PART - 1) / PART, wb_crew_workers(), zero_part, &z);
	munmap(map, z.size);
	return 0;
}

static const char *name_of(const char *device)
{
	static const char dev[] = "/dev/";
	const char *name = device + strlen(dev);

	if (strncmp(device, dev, strlen(dev)) || strncmp(name, "dax", 3) || strchr(name, '/') ||
		strlen(name) > 60)
		return NULL;
	return name;
}

/* Without its driver the device has no mappings, and without memory it is the region's next one. */
static int give_back(const char *name, struct wb_error *err)
{
	int r = write_text(DRIVER "/unbind", name);

	if (r < 0)
		return wb_fail(err, r, "the driver device_dax does not let go of %s: %s", name,
			strerror(-r));
	take_back(name);
	return read_size(name) == 0 ? 0 : wb_fail(err, -EBUSY, "%s keeps its memory", name);
}

int wb_guest_dax_forget(const char *device, struct wb_error *err)
{
	const char *name = name_of(device);
	WB_CLEAN_FD fd = name ? open(device, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || !wb_is_dax(st.st_rdev))
		return wb_fail(err, -EINVAL, "%.100s is no device of a guest's memory", device);
	if (fchown(fd, 0, 0) < 0 || fchmod(fd, 0600) < 0)
		return wb_fail(
			err, -errno, "cannot take %s from its user: %s", device, strerror(errno));
	r = zero(fd, name, err);
	close(fd);
	fd = -1;
	return r == 0 ? give_back(name, err) : r;
}
