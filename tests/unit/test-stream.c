// SPDX-License-Identifier: LGPL-2.1-or-later
/* images/stream.c: CRIU's image streaming protocol. */
#define _GNU_SOURCE
#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/strv.h"
#include "images/protobuf.h"
#include "images/stream.h"

/* ---- a CRIU that only streams ---- */

static void put_request(int sock, const char *name)
{
	uint8_t head[4] = {(uint8_t)(strlen(name) + 2)};
	uint8_t key[2] = {1 << 3 | WB_PB_BYTES, (uint8_t)strlen(name)};

	if (write(sock, head, 4) != 4 || write(sock, key, 2) != 2 ||
		write(sock, name, strlen(name)) != (ssize_t)strlen(name))
		_exit(10);
}

static void put_fd(int sock, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(sock, &msg, 0) != 1)
		_exit(11);
}

static int begin_image(int sock, const char *name)
{
	int p[2];

	put_request(sock, name);
	if (pipe(p) < 0)
		_exit(12);
	put_fd(sock, p[0]);
	close(p[0]);
	return p[1];
}

/* Bytes that depend on their position. */
static uint8_t byte_of(size_t i, unsigned salt)
{
	return (uint8_t)(i * 31 + (i >> 8) * 7 + salt);
}

static void write_pattern(int fd, size_t n, unsigned salt)
{
	uint8_t buf[8192];

	for (size_t i = 0; i < n;) {
		size_t k = n - i < sizeof(buf) ? n - i : sizeof(buf);

		for (size_t j = 0; j < k; j++)
			buf[j] = byte_of(i + j, salt);
		if (write(fd, buf, k) != (ssize_t)k)
			_exit(13);
		i += k;
	}
}

static pid_t start(void (*peer)(int sock), int *ret_sock)
{
	int pair[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(pair[0]);
		peer(pair[1]);
		_exit(0);
	}
	close(pair[1]);
	*ret_sock = pair[0];
	return pid;
}

static int reap(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* ---- a store of a few images ---- */

struct held {
	char name[64];
	struct wb_blob data;
	bool whole;
	struct wb_bytes rest;
};

struct shelf {
	struct held images[8];
	size_t n;
	size_t space;     /* of one piece */
	int fail_at_byte; /* the sink is full then; 0 never */
};

static int shelf_begin(void *ctx, const char *name, void **ret, struct wb_error *err)
{
	struct shelf *s = ctx;
	struct held *h = &s->images[s->n++];

	snprintf(h->name, sizeof(h->name), "%s", name);
	*ret = h;
	return 0;
}

static int shelf_space(void *ctx, void *image, uint8_t **ret, size_t *ret_n, struct wb_error *err)
{
	struct shelf *s = ctx;
	struct held *h = image;

	if (s->fail_at_byte && h->data.size >= (size_t)s->fail_at_byte)
		return wb_fail(err, -ENOSPC, "the shelf is full");
	assert_int_equal(wb_blob_reserve(&h->data, h->data.size + s->space), 0);
	*ret = h->data.data + h->data.size;
	*ret_n = s->space;
	return 0;
}

static void shelf_commit(void *ctx, void *image, size_t n)
{
	((struct held *)image)->data.size += n;
}

static int shelf_end(void *ctx, void *image, struct wb_error *err)
{
	((struct held *)image)->whole = true;
	return 0;
}

static void shelf_abort(void *ctx, void *image)
{
	wb_blob_deinit(&((struct held *)image)->data);
}

static struct wb_stream_sink sink_of(struct shelf *s)
{
	return (struct wb_stream_sink){
		s, shelf_begin, shelf_space, shelf_commit, shelf_end, shelf_abort};
}

static int shelf_open(void *ctx, const char *name, void **ret, struct wb_error *err)
{
	struct shelf *s = ctx;

	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->images[i].name, name))
			continue;
		s->images[i].rest = wb_blob_view(&s->images[i].data);
		*ret = &s->images[i];
		return 0;
	}
	if (!strcmp(name, "damaged.img"))
		return wb_fail(err, -EBADMSG, "object damaged.img is damaged");
	return -ENOENT;
}

static bool shelf_next(void *ctx, void *image, struct wb_bytes *ret)
{
	struct shelf *s = ctx;
	struct held *h = image;
	size_t n = h->rest.size < s->space ? h->rest.size : s->space;

	if (!n)
		return false;
	*ret = (struct wb_bytes){h->rest.data, n};
	h->rest.data += n;
	h->rest.size -= n;
	return true;
}

static void shelf_close(void *ctx, void *image)
{
	((struct held *)image)->whole = true;
}

static struct wb_stream_source source_of(struct shelf *s)
{
	return (struct wb_stream_source){s, shelf_open, shelf_next, shelf_close};
}

static void shelf_deinit(struct shelf *s)
{
	for (size_t i = 0; i < s->n; i++)
		wb_blob_deinit(&s->images[i].data);
}

static const struct held *shelf_find(const struct shelf *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->images[i].name, name))
			return &s->images[i];
	return NULL;
}

static void assert_pattern(const struct held *h, size_t n, unsigned salt)
{
	assert_non_null(h);
	assert_true(h->whole);
	assert_int_equal(h->data.size, n);
	for (size_t i = 0; i < n; i++)
		if (h->data.data[i] != byte_of(i, salt))
			fail_msg("byte %zu of %s differs", i, h->name);
}

/* ---- capture ---- */

#define BIG (3 * 1024 * 1024 + 17)

/* Three images open at a time, as CRIU has them, the large one written between the others. */
static void dump_three(int sock)
{
	int files = begin_image(sock, "files.img"), pages, empty;

	write_pattern(files, 100, 1);
	pages = begin_image(sock, "pages-1.img");
	empty = begin_image(sock, "empty.img");
	write_pattern(pages, BIG, 2);
	write_pattern(files, 5000, 1);
	close(empty);
	close(pages);
	close(files);
}

static void takes_interleaved_images(void **state)
{
	struct shelf s = {.space = 65536};
	struct wb_stream_sink sink = sink_of(&s);
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	int sock;
	pid_t pid = start(dump_three, &sock);

	assert_int_equal(wb_stream_capture(sock, -1, 20000, &sink, &stats, &err), 0);
	assert_int_equal(reap(pid), 0);
	assert_int_equal(stats.images, 3);
	assert_int_equal(stats.bytes, 5100 + BIG);
	assert_pattern(shelf_find(&s, "pages-1.img"), BIG, 2);
	assert_int_equal(shelf_find(&s, "files.img")->data.size, 5100);
	assert_int_equal(shelf_find(&s, "files.img")->data.data[100], byte_of(0, 1));
	assert_pattern(shelf_find(&s, "empty.img"), 0, 0);
	close(sock);
	shelf_deinit(&s);
}

/* The socket stays open, as it does while CRIU waits for the word to go on or to give up. */
static void dump_and_stay(int sock)
{
	char c;
	int fd = begin_image(sock, "inventory.img");

	write_pattern(fd, 77, 3);
	close(fd);
	if (read(sock, &c, 1) != 0)
		_exit(14);
}

static void stops_when_told(void **state)
{
	struct shelf s = {.space = 4096};
	struct wb_stream_sink sink = sink_of(&s);
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	int sock, stop[2];
	pid_t pid;

	assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
	pid = start(dump_and_stay, &sock);
	/* Raised before the first byte came: nothing that was sent may be lost all the same. */
	poll(&(struct pollfd){.fd = sock, .events = POLLIN}, 1, 10000);
	assert_int_equal(write(stop[1], "", 1), 1);
	assert_int_equal(wb_stream_capture(sock, stop[0], 20000, &sink, &stats, &err), 0);
	assert_pattern(shelf_find(&s, "inventory.img"), 77, 3);
	close(sock);
	assert_int_equal(reap(pid), 0);
	close(stop[0]);
	close(stop[1]);
	shelf_deinit(&s);
}

static void full_sink_ends_the_dump(void **state)
{
	struct shelf s = {.space = 4096, .fail_at_byte = 1 << 20};
	struct wb_stream_sink sink = sink_of(&s);
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	int sock;
	pid_t pid = start(dump_three, &sock);

	assert_int_equal(wb_stream_capture(sock, -1, 20000, &sink, &stats, &err), -ENOSPC);
	assert_string_equal(err.text, "the shelf is full");
	assert_int_equal(stats.images, 0);
	close(sock);
	/* The peer sees a broken pipe, not silence. */
	assert_int_not_equal(reap(pid), 0);
	shelf_deinit(&s);
}

static void dump_and_die(int sock)
{
	int fd = begin_image(sock, "pages-1.img");

	write_pattern(fd, 4096, 1);
	put_request(sock, "half");
}

static void death_in_a_request_is_told(void **state)
{
	struct shelf s = {.space = 4096};
	struct wb_stream_sink sink = sink_of(&s);
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	int sock;
	pid_t pid = start(dump_and_die, &sock);

	assert_int_equal(wb_stream_capture(sock, -1, 20000, &sink, &stats, &err), -EPROTO);
	assert_non_null(strstr(err.text, "no pipe comes"));
	reap(pid);
	close(sock);
	shelf_deinit(&s);
}

static void dump_nothing(int sock)
{
	char c;

	if (read(sock, &c, 1) < 0)
		_exit(15);
}

static void silence_has_an_end(void **state)
{
	struct shelf s = {.space = 4096};
	struct wb_stream_sink sink = sink_of(&s);
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	int sock;
	pid_t pid = start(dump_nothing, &sock);

	assert_int_equal(wb_stream_capture(sock, -1, 50, &sink, &stats, &err), -ETIMEDOUT);
	close(sock);
	reap(pid);
}

/* ---- serve ---- */

/* CRIU asks, gets an answer, and only then makes the pipe. */
static int ask_for(int sock, const char *name)
{
	uint8_t reply[6];
	int p[2];

	put_request(sock, name);
	if (recv(sock, reply, sizeof(reply), MSG_WAITALL) != sizeof(reply))
		_exit(20);
	if (memcmp(reply, (uint8_t[]){2, 0, 0, 0, 8}, 5))
		_exit(21);
	if (!reply[5])
		return -1;
	if (pipe(p) < 0)
		_exit(22);
	put_fd(sock, p[1]);
	close(p[1]);
	return p[0];
}

static void check_pattern(int fd, size_t n, unsigned salt, bool to_the_end)
{
	uint8_t buf[8192];

	for (size_t i = 0; i < n;) {
		ssize_t got = read(fd, buf, n - i < sizeof(buf) ? n - i : sizeof(buf));

		if (got <= 0)
			_exit(23);
		for (ssize_t j = 0; j < got; j++)
			if (buf[j] != byte_of(i + j, salt))
				_exit(24);
		i += got;
	}
	if (to_the_end && read(fd, buf, 1) != 0)
		_exit(25);
}

static void restore_some(int sock)
{
	int pages, files, part;

	if (ask_for(sock, "no-such.img") != -1)
		_exit(26);
	pages = ask_for(sock, "pages-1.img");
	files = ask_for(sock, "files.img");
	check_pattern(files, 5000, 1, true);
	check_pattern(pages, BIG, 2, true);
	/* Only the head of it, the rest unread. */
	part = ask_for(sock, "pages-1.img");
	check_pattern(part, 16, 2, false);
	close(part);
	if (ask_for(sock, "no-such-2.img") != -1)
		_exit(27);
}

static void hold(struct shelf *s, const char *name, size_t n, unsigned salt)
{
	struct held *h = &s->images[s->n++];

	snprintf(h->name, sizeof(h->name), "%s", name);
	for (size_t i = 0; i < n; i++) {
		uint8_t b = byte_of(i, salt);

		assert_int_equal(wb_blob_append(&h->data, &b, 1), 0);
	}
}

static void gives_images_back(void **state)
{
	struct shelf s = {.space = 100000};
	struct wb_stream_source source = source_of(&s);
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	int sock;
	pid_t pid;

	hold(&s, "files.img", 5000, 1);
	hold(&s, "pages-1.img", BIG, 2);
	pid = start(restore_some, &sock);
	assert_int_equal(wb_stream_serve(sock, -1, 20000, &source, &stats, &err), 0);
	assert_int_equal(reap(pid), 0);
	assert_int_equal(stats.images, 3);
	assert_true(shelf_find(&s, "pages-1.img")->whole);
	close(sock);
	shelf_deinit(&s);
}

/* ---- more than four thousand processes, each with images of its own open ---- */

#define MANY 5000

static int many_open(void *ctx, const char *name, void **ret, struct wb_error *err)
{
	size_t *left = malloc(sizeof(*left));

	assert_non_null(left);
	/* More than fits into a pipe, so that no end is done before the other reads. */
	*left = 40;
	*ret = left;
	return 0;
}

static bool many_next(void *ctx, void *image, struct wb_bytes *ret)
{
	static const uint8_t piece[65536];
	size_t *left = image;

	if (!*left)
		return false;
	--*left;
	*ret = (struct wb_bytes){piece, sizeof(piece)};
	return true;
}

static void many_close(void *ctx, void *image)
{
	free(image);
}

static void set_files(rlim_t soft)
{
	struct rlimit l;

	getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_cur = soft ? soft : l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

static void restore_many(int sock)
{
	int first = -1;

	set_files(0);
	for (int i = 0; i < MANY; i++) {
		int fd = ask_for(sock, "core.img");

		if (fd < 0)
			_exit(40);
		if (i == 0)
			first = fd;
	}
	/* All of them are open at this moment. */
	for (int i = 0; i < MANY; i++)
		close(first + i);
}

static void as_many_images_as_tasks_open(void **state)
{
	const struct wb_stream_source source = {NULL, many_open, many_next, many_close};
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	struct rlimit l;
	int sock;
	pid_t pid;

	getrlimit(RLIMIT_NOFILE, &l);
	if (l.rlim_max < 2 * MANY)
		skip();
	pid = start(restore_many, &sock);
	/* The limit that systemd and a login give a process. */
	set_files(1024);
	if (wb_stream_serve(sock, -1, 60000, &source, &stats, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(stats.images, MANY);
	close(sock);
	assert_int_equal(reap(pid), 0);
	set_files(l.rlim_cur);
}

static void restore_damaged(int sock)
{
	uint8_t c;

	put_request(sock, "damaged.img");
	/* No answer, just the end of the connection. */
	if (read(sock, &c, 1) > 0)
		_exit(28);
}

static void damaged_image_is_never_served(void **state)
{
	struct shelf s = {.space = 4096};
	struct wb_stream_source source = source_of(&s);
	struct wb_stream_stats stats = {};
	struct wb_error err = {};
	int sock;
	pid_t pid = start(restore_damaged, &sock);

	assert_int_equal(wb_stream_serve(sock, -1, 20000, &source, &stats, &err), -EBADMSG);
	assert_string_equal(err.text, "object damaged.img is damaged");
	close(sock);
	assert_int_equal(reap(pid), 0);
}

/* ---- requests ---- */

static void refuses_names_that_are_paths(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{"", 0},
		{"\x0a\x00", 2},
		{"\x0a\x02..", 4},
		{"\x0a\x03"
		 "a/b",
			5},
		{"\x0a\x02"
		 "a",
			3},
		{"\x0a\x03"
		 "a\0b",
			5},
		{"\x08\x01", 2},
	};
	char *name = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(
			wb_stream_parse_request(
				(struct wb_bytes){(const uint8_t *)bad[i].bytes, bad[i].n}, &name),
			-EBADMSG);
	assert_null(name);
	assert_int_equal(wb_stream_parse_request(
				 (struct wb_bytes){(const uint8_t *)"\x0a\x03x.i", 5}, &name),
		0);
	assert_string_equal(name, "x.i");
	free(name);
}

static void protobuf_round_trip(void **state)
{
	static const uint8_t text[] = "abc";
	const struct wb_pb_field in[] = {
		{.number = 1, .wire = WB_PB_VARINT, .value = 300},
		{.number = 2, .wire = WB_PB_BYTES, .bytes = {text, 3}},
		{.number = 3, .wire = WB_PB_I64, .value = 0x1122334455667788},
		{.number = 4, .wire = WB_PB_I32, .value = 0xdeadbeef},
		{.number = 100000, .wire = WB_PB_VARINT, .value = UINT64_MAX},
	};
	WB_CLEAN_BLOB out = {};
	struct wb_pb_field f;
	size_t off = 0;

	for (size_t i = 0; i < 5; i++)
		assert_int_equal(wb_pb_put(&out, &in[i]), 0);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(wb_pb_next(wb_blob_view(&out), &off, &f), 1);
		assert_int_equal(f.number, in[i].number);
		assert_int_equal(f.wire, in[i].wire);
		if (f.wire == WB_PB_BYTES)
			assert_true(wb_bytes_equal(f.bytes, 0, text, 3));
		else
			assert_int_equal(f.value, in[i].value);
	}
	assert_int_equal(wb_pb_next(wb_blob_view(&out), &off, &f), 0);
	assert_int_equal(wb_pb_find(wb_blob_view(&out), 3, WB_PB_I64, &f), 0);
	assert_int_equal(wb_pb_find(wb_blob_view(&out), 3, WB_PB_I32, &f), -ENOENT);
	/* Eleven groups, a length beyond the end, a group marker. */
	off = 0;
	assert_int_equal(
		wb_pb_next((struct wb_bytes){(const uint8_t *)"\x08\xff\xff\xff\xff\xff\xff"
							      "\xff\xff\xff\xff\xff\x01",
				   13},
			&off, &f),
		-EBADMSG);
	assert_int_equal(
		wb_pb_next((struct wb_bytes){(const uint8_t *)"\x0a\x05x", 3}, &off, &f), -EBADMSG);
	assert_int_equal(
		wb_pb_next((struct wb_bytes){(const uint8_t *)"\x0b", 1}, &off, &f), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_interleaved_images),
		cmocka_unit_test(stops_when_told),
		cmocka_unit_test(full_sink_ends_the_dump),
		cmocka_unit_test(death_in_a_request_is_told),
		cmocka_unit_test(silence_has_an_end),
		cmocka_unit_test(gives_images_back),
		cmocka_unit_test(as_many_images_as_tasks_open),
		cmocka_unit_test(damaged_image_is_never_served),
		cmocka_unit_test(refuses_names_that_are_paths),
		cmocka_unit_test(protobuf_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
