// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * CRIU's command lines, and the reading of its logs and small images. dump.c and restore.c run it.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/valid.h"
#include "criu/criu.h"
#include "images/protobuf.h"

/*
 * A deleted file that is still open goes into the images up to this size. CRIU counts in 32 bits.
 */
#define GHOST_LIMIT "2047M"

/* ---- facts about a checkpoint that the restore needs ---- */

static bool valid_id(const char *s)
{
	const char *p = s;
	size_t n;

	if (!strncmp(s, "unix[", 5)) {
		n = strspn(s + 5, "0123456789");
		return n && n <= 20 && !strcmp(s + 5 + n, "]");
	}
	if (strncmp(s, "file[", 5))
		return false;
	n = strspn(p += 5, "0123456789abcdef");
	if (!n || n > 8 || p[n] != ':')
		return false;
	p += n + 1;
	n = strspn(p, "0123456789abcdef");
	return n && n <= 16 && !strcmp(p + n, "]");
}

static bool valid_version(const char *s)
{
	return *s && strlen(s) < 32 && strspn(s, "0123456789.") == strlen(s);
}

/* It is the end of a path. */
static bool valid_user(const char *s)
{
	return *s && strlen(s) < 256 && !strchr(s, '/');
}

#define ROW(type, ...) WB_JSON_ROW(struct type, __VA_ARGS__)

static const struct wb_json_field external_fields[] = {
	ROW(wb_criu_external, id, WB_JSON_STRING, .needed = true, .valid = valid_id),
	ROW(wb_criu_external, path, WB_JSON_STRING, .valid = wb_valid_path),
	ROW(wb_criu_external, reset, WB_JSON_BOOL),
	ROW(wb_criu_external, packets, WB_JSON_BOOL),
	ROW(wb_criu_external, fd, WB_JSON_INT, .min = 0, .max = 2),
	ROW(wb_criu_external, flags, WB_JSON_INT, .min = 0, .max = INT32_MAX),
	ROW(wb_criu_external, position, WB_JSON_INT, .min = 0, .max = INT64_MAX),
	ROW(wb_criu_external, identity, WB_JSON_STRUCT, .fields = wb_identity_fields),
	{},
};

/* Both are passed on as lines. */
static bool valid_name(const char *s)
{
	return wb_valid_path(s) && !strchr(s, '\n');
}

static const struct wb_json_field name_fields[] = {
	ROW(wb_criu_name, bound, WB_JSON_STRING, .needed = true, .valid = valid_name),
	ROW(wb_criu_name, now, WB_JSON_STRING, .needed = true, .valid = valid_name),
	ROW(wb_criu_name, owner, WB_JSON_INT, .needed = true, .min = 0, .max = UINT32_MAX),
	{},
};

static const struct wb_json_field area_fields[] = {
	ROW(wb_criu_area, pid, WB_JSON_INT, .needed = true, .min = 2, .max = 4 << 20),
	ROW(wb_criu_area, start, WB_JSON_INT, .min = 0, .max = INT64_MAX),
	ROW(wb_criu_area, end, WB_JSON_INT, .min = 0, .max = INT64_MAX),
	ROW(wb_criu_area, droppable, WB_JSON_BOOL),
	{},
};

static const struct wb_json_field timer_fields[] = {
	ROW(wb_criu_timer, pid, WB_JSON_INT, .needed = true, .min = 2, .max = 4 << 20),
	ROW(wb_criu_timer, fd, WB_JSON_INT, .min = 0, .max = INT32_MAX),
	ROW(wb_criu_timer, clock, WB_JSON_INT, .min = 0, .max = 15),
	ROW(wb_criu_timer, flags, WB_JSON_INT, .min = 0, .max = 3),
	ROW(wb_criu_timer, at_s, WB_JSON_INT, .min = 0, .max = INT64_MAX),
	ROW(wb_criu_timer, at_ns, WB_JSON_INT, .min = 0, .max = 999999999),
	ROW(wb_criu_timer, every_s, WB_JSON_INT, .min = 0, .max = INT64_MAX),
	ROW(wb_criu_timer, every_ns, WB_JSON_INT, .min = 0, .max = 999999999),
	ROW(wb_criu_timer, ticks, WB_JSON_INT, .min = 0, .max = INT64_MAX),
	ROW(wb_criu_timer, set, WB_JSON_BOOL),
	{},
};

static const struct wb_json_field label_fields[] = {
	ROW(wb_criu_label, pid, WB_JSON_INT, .needed = true, .min = 2, .max = 4 << 20),
	ROW(wb_criu_label, tid, WB_JSON_INT, .needed = true, .min = 2, .max = 4 << 20),
	ROW(wb_criu_label, text, WB_JSON_STRING, .needed = true),
	{},
};

static const struct wb_json_field image_fields[] = {
	ROW(wb_criu_image, main_pid, WB_JSON_INT, .needed = true, .min = 2, .max = 4 << 20),
	ROW(wb_criu_image, pids, WB_JSON_INTS, .min = 2, .max = 4 << 20),
	WB_JSON_ROWS(struct wb_criu_image, externals, external_fields, 256),
	ROW(wb_criu_image, own_users, WB_JSON_BOOL),
	ROW(wb_criu_image, foreign_session, WB_JSON_BOOL),
	ROW(wb_criu_image, own_network, WB_JSON_BOOL),
	ROW(wb_criu_image, part_of_proc, WB_JSON_BOOL),
	ROW(wb_criu_image, own_ipc, WB_JSON_BOOL),
	ROW(wb_criu_image, segments, WB_JSON_INTS, .min = 0, .max = INT32_MAX),
	WB_JSON_ROWS(struct wb_criu_image, names, name_fields, WB_CRIU_NAMES),
	WB_JSON_ROWS(struct wb_criu_image, areas, area_fields, WB_CRIU_AREAS),
	WB_JSON_ROWS(struct wb_criu_image, timers, timer_fields, WB_CRIU_TIMERS),
	ROW(wb_criu_image, cpu, WB_JSON_INTS, .min = INT64_MIN, .max = INT64_MAX),
	WB_JSON_ROWS(struct wb_criu_image, labels, label_fields, WB_CRIU_LABELS),
	ROW(wb_criu_image, unread, WB_JSON_INTS, .min = 1, .max = INT64_MAX),
	ROW(wb_criu_image, dynamic_user, WB_JSON_STRING, .valid = valid_user),
	ROW(wb_criu_image, dynamic_uid, WB_JSON_INT, .min = 0, .max = UINT32_MAX),
	ROW(wb_criu_image, incremental, WB_JSON_BOOL),
	ROW(wb_criu_image, version, WB_JSON_STRING, .valid = valid_version),
	ROW(wb_criu_image, bytes, WB_JSON_INT, .min = 0, .max = INT64_MAX),
	ROW(wb_criu_image, frozen_us, WB_JSON_INT, .min = 0, .max = INT64_MAX),
	{},
};

int wb_criu_image_read(const json_t *json, struct wb_criu_image *ret, struct wb_error *err)
{
	struct wb_criu_image image = {};
	int r = wb_json_read(json, image_fields, "what is known of the images", &image, err);

	if (r == 0)
		*ret = image;
	return r;
}

json_t *wb_criu_image_write(const struct wb_criu_image *image)
{
	return wb_json_write(image_fields, image);
}

void wb_criu_image_deinit(struct wb_criu_image *image)
{
	wb_json_free(image_fields, image);
}

int wb_criu_external_paths(const struct wb_criu_image *image, struct wb_strv *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < image->externals.n; i++)
		if (image->externals.items[i].path)
			r = wb_strv_add(ret, image->externals.items[i].path);
	return r;
}

/* ---- command lines ---- */

/* Add the options that dump and restore must agree about. */
static int add_common(struct wb_strv *v, const struct wb_criu_image *image)
{
	/*
	 * systemd manages the cgroup, before and after the jump. A unit is dumped as a whole, so no
	 * other process waits for its file locks. A file without a name gets one, or its contents
	 * go into the images if it is not too large. A datagram socket that is connected to a name
	 * outside, as syslog(3) has one, is connected to that name again. Configuration files are
	 * not read: they name programs, and they would be those of the unit's mount namespace.
	 */
	static const char *const words[] = {"--no-default-config", "--tcp-established",
		"--ext-unix-sk", "--manage-cgroups=ignore", "--file-locks", "--link-remap",
		"--ghost-limit", GHOST_LIMIT, NULL};
	int r = wb_strv_add_all(v, words);

	if (r == 0 && image->foreign_session)
		r = wb_strv_add(v, "--shell-job");
	for (size_t i = 0; r == 0 && i < image->externals.n; i++)
		r = wb_strv_add_all(
			v, (const char *const[]){"--external", image->externals.items[i].id, NULL});
	return r;
}

/* Each command line ends like this. A restore adds the files that it hands over. */
static int add_tail(struct wb_strv *v, const struct wb_criu_image *image, const char *images,
	const char *dir, const char *log)
{
	int r = wb_strv_add_all(v, (const char *const[]){"-D", images, "-W", dir, "-o", log, NULL});

	return r < 0 ? r : add_common(v, image);
}

static int add_target(struct wb_strv *v, const char *verb, const struct wb_criu_dump *dump)
{
	int r = wb_strv_add_all(v, (const char *const[]){"criu", verb, "-t", NULL});

	return r < 0 ? r : wb_strv_addf(v, "%" PRId64, dump->image->main_pid);
}

/* Add the beginning of a dump, which is the same with and without a pre-dump before it. */
static int add_dump(struct wb_strv *v, const struct wb_criu_dump *dump, const char *hook)
{
	/*
	 * From the freeze on, nft rules drop the packets of the connections; every kernel here has
	 * nft. A connection that waits to be accepted cannot be dumped: its client connects again.
	 */
	static const char *const words[] = {"--network-lock", "nftables", "--skip-in-flight", NULL};
	int r = add_target(v, "dump", dump);

	if (r == 0)
		r = wb_strv_add_all(v, words);
	if (r == 0 && hook)
		r = wb_strv_add_all(v, (const char *const[]){"--action-script", hook, NULL});
	if (r == 0 && !hook)
		r = wb_strv_add(v, "--leave-running");
	return r;
}

static int hand_on(int r, struct wb_strv *v, struct wb_strv *ret)
{
	if (r < 0) {
		wb_strv_deinit(v);
		return r;
	}
	*ret = *v;
	return 0;
}

int wb_criu_dump_argv(
	const struct wb_criu_dump *dump, const char *dir, const char *hook, struct wb_strv *ret)
{
	struct wb_strv v = {};
	int r = add_dump(&v, dump, hook);

	if (r == 0)
		r = wb_strv_add(&v, "--stream");
	if (r == 0)
		r = add_tail(&v, dump->image, dir, dir, "dump.log");
	return hand_on(r, &v, ret);
}

int wb_criu_incremental_argv(const struct wb_criu_dump *dump, const char *dir, const char *images,
	const char *hook, struct wb_strv *ret)
{
	struct wb_strv v = {};
	int r = add_dump(&v, dump, hook);

	if (r == 0)
		r = wb_strv_add_all(&v, (const char *const[]){"--track-mem", "--prev-images-dir",
						"../before", NULL});
	if (r == 0)
		r = add_tail(&v, dump->image, images, dir, "dump.log");
	return hand_on(r, &v, ret);
}

int wb_criu_predump_argv(
	const struct wb_criu_dump *dump, const char *dir, const char *images, struct wb_strv *ret)
{
	struct wb_strv v = {};
	int r = add_target(&v, "pre-dump", dump);

	if (r == 0)
		r = wb_strv_add(&v, "--track-mem");
	if (r == 0)
		r = add_tail(&v, dump->image, images, dir, "predump.log");
	return hand_on(r, &v, ret);
}

/* CRIU's name of an external may differ between the dump and the restore. */
static int add_inherited(struct wb_strv *v, const struct wb_criu_external *e, int fd)
{
	int r = wb_strv_add(v, "--inherit-fd");

	if (r < 0)
		return r;
	if (!strncmp(e->id, "unix", 4))
		return wb_strv_addf(v, "fd[%d]:socket:%s", fd, e->id + strlen("unix"));
	return wb_strv_addf(v, "fd[%d]:%s", fd, e->id);
}

int wb_criu_restore_argv(const struct wb_criu_restore *restore, const char *dir, const char *hook,
	const int *fds, struct wb_strv *ret)
{
	const struct wb_criu_image *image = restore->image;
	struct wb_strv v = {};
	int r = wb_strv_add_all(
		&v, (const char *const[]){"criu", "restore", "--restore-detached", NULL});

	/* CRIU works in the directory of the images and refuses a path outside of it. */
	if (r == 0 && restore->pidfile)
		r = wb_strv_add_all(&v, (const char *const[]){"--pidfile", "pid", NULL});
	if (r == 0 && hook)
		r = wb_strv_add_all(&v, (const char *const[]){"--action-script", hook, NULL});
	if (r == 0)
		r = wb_strv_add(&v, "--stream");
	if (r == 0)
		r = add_tail(&v, image, dir, dir, "restore.log");
	for (size_t i = 0; r == 0 && i < image->externals.n; i++)
		r = add_inherited(&v, &image->externals.items[i], fds[i]);
	return hand_on(r, &v, ret);
}

/* ---- logs ---- */

/*
 * CRIU logs these errors and goes on: it tries things to learn what the kernel can do, and its own
 * seccomp filter is one of them.
 */
static const char *const harmless[] = {
	"Unable to create tun",
	"suspending seccomp failed",
	"failed to suspend seccomp",
	"Dumping FAILED",
	"Restoring FAILED",
};

/*
 * Find the message: "(00.079776) Error (criu/tun.c:85): tun: Unable …" -> "tun: Unable …". NULL:
 * the line is no error.
 */
static const char *error_of(const char *line, size_t n, size_t *ret_n)
{
	static const char mark[] = "Error (";
	const char *p = memmem(line, n, mark, strlen(mark)), *end = line + n;

	if (!p)
		return NULL;
	p = memmem(p, end - p, "): ", 3);
	if (!p)
		return NULL;
	p += 3;
	while (p < end && isspace((unsigned char)*p))
		p++;
	*ret_n = end - p;
	return p;
}

static bool is_harmless(const char *text, size_t n)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (memmem(text, n, harmless[i], strlen(harmless[i])))
			return true;
	return false;
}

const char *wb_criu_reason(struct wb_bytes log, char *buf, size_t n)
{
	const char *p = (const char *)log.data, *end = p ? p + log.size : p;

	*buf = '\0';
	while (p < end) {
		const char *newline = memchr(p, '\n', end - p);
		size_t len = (newline ? newline : end) - p, text_len;
		const char *text = error_of(p, len, &text_len);

		p += len + 1;
		if (!text || !text_len || is_harmless(text, text_len))
			continue;
		if (text_len >= n)
			text_len = n - 1;
		for (size_t i = 0; i < text_len; i++)
			buf[i] = isprint((unsigned char)text[i]) ? text[i] : '?';
		while (text_len && strchr(" .!", buf[text_len - 1]))
			text_len--;
		buf[text_len] = '\0';
		break;
	}
	return buf;
}

/* criu/include/magic.h. An image begins with two words; each message follows its length. */
#define IMG_COMMON_MAGIC 0x54564319
#define IMG_SERVICE_MAGIC 0x55105940
#define INVENTORY_MAGIC 0x58313116
#define IDS_MAGIC 0x54432030
#define STATS_MAGIC 0x57093306

/* Get the only message of an image. The inventory begins with the second word only. */
static int get_message(struct wb_bytes file, uint32_t first, uint32_t second, struct wb_bytes *ret)
{
	uint32_t word, n;
	uint64_t off = 0;

	if (first) {
		if (!wb_get_le32(file, off, &word) || word != first)
			return -EBADMSG;
		off += 4;
	}
	if (!wb_get_le32(file, off, &word) || word != second || !wb_get_le32(file, off + 4, &n) ||
		!wb_bytes_sub(file, off + 8, n, ret))
		return -EBADMSG;
	return 0;
}

int wb_criu_parse_stats(struct wb_bytes file, int64_t *ret_frozen_us)
{
	struct wb_pb_field dump, frozen;
	struct wb_bytes stats;

	/* images/stats.proto: stats_entry.dump = 1, dump_stats_entry.frozen_time = 2 */
	if (get_message(file, IMG_SERVICE_MAGIC, STATS_MAGIC, &stats) < 0 ||
		wb_pb_find(stats, 1, WB_PB_BYTES, &dump) < 0 ||
		wb_pb_find(dump.bytes, 2, WB_PB_VARINT, &frozen) < 0 || frozen.value > INT64_MAX)
		return -EBADMSG;
	*ret_frozen_us = (int64_t)frozen.value;
	return 0;
}

int wb_criu_parse_version(struct wb_bytes text, char **ret)
{
	static const char mark[] = "Version: ";
	const char *p = text.size ? memmem(text.data, text.size, mark, strlen(mark)) : NULL;
	size_t left, n = 0;
	char *s;

	if (!p)
		return -EBADMSG;
	p += strlen(mark);
	left = text.size - (p - (const char *)text.data);
	while (n < left && (isdigit((unsigned char)p[n]) || p[n] == '.'))
		n++;
	s = strndup(p, n);
	if (!s)
		return -ENOMEM;
	if (!valid_version(s)) {
		free(s);
		return -EBADMSG;
	}
	*ret = s;
	return 0;
}

/* images/core.proto, images/inventory.proto */
#define INVENTORY_ROOT_IDS 3
#define IDS_USER_NS 10

/* Write magic number and length before the message. */
static int put_message(struct wb_blob *out, uint32_t second, const struct wb_blob *message)
{
	const uint32_t words[] = {IMG_COMMON_MAGIC, second, (uint32_t)message->size};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(words) / sizeof(*words); i++) {
		uint8_t le[4] = {(uint8_t)words[i], (uint8_t)(words[i] >> 8),
			(uint8_t)(words[i] >> 16), (uint8_t)(words[i] >> 24)};

		r = wb_blob_append(out, le, sizeof(le));
	}
	return r < 0 ? r : wb_blob_append(out, message->data, message->size);
}

int wb_criu_adopt_users(struct wb_bytes ids, struct wb_bytes inventory, struct wb_blob *ret)
{
	WB_CLEAN_BLOB message = {}, out = {};
	struct wb_pb_field root, users, f;
	struct wb_bytes in, inv;
	size_t off = 0;
	int r;

	if (get_message(ids, IMG_COMMON_MAGIC, IDS_MAGIC, &in) < 0 ||
		get_message(inventory, 0, INVENTORY_MAGIC, &inv) < 0 ||
		wb_pb_find(inv, INVENTORY_ROOT_IDS, WB_PB_BYTES, &root) < 0 ||
		wb_pb_find(root.bytes, IDS_USER_NS, WB_PB_VARINT, &users) < 0)
		return -EBADMSG;
	while ((r = wb_pb_next(in, &off, &f)) > 0) {
		if (f.number == IDS_USER_NS && f.wire == WB_PB_VARINT)
			f.value = users.value;
		r = wb_pb_put(&message, &f);
		if (r < 0)
			return r;
	}
	if (r == 0)
		r = put_message(&out, IDS_MAGIC, &message);
	if (r < 0)
		return r;
	*ret = wb_blob_take(&out);
	return 0;
}
