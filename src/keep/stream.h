/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The other end of CRIU's --stream: its images go through pipes, straight from the parasite into
 * the store and back, without a file system between.
 *
 * The protocol (criu/img-streamer.c, images/img-streamer.proto): CRIU connects to a Unix stream
 * socket in its images directory. For each image it sends a 32-bit little-endian length, a protobuf
 * message with the file's name (field 1), and then, as the ancillary data of a single byte, one end
 * of a new pipe. When it restores, it waits between the two for an answer of the same form: field 1
 * tells whether there is such an image, and without one no pipe follows. Several images are open at
 * a time. That a dump is whole cannot be told from the protocol: CRIU's exit tells it.
 */
#pragma once

#include "core/bytes.h"
#include "core/error.h"

#define WB_STREAM_CAPTURE_SOCKET "streamer-capture.sock"
#define WB_STREAM_SERVE_SOCKET "streamer-serve.sock"

/* Where images go. The functions record the sentence of their failure. */
struct wb_stream_sink {
	void *ctx;
	/* A new image; *ret_image is handed to the others. */
	int (*begin)(void *ctx, const char *name, void **ret_image, struct wb_error *err);
	/* Room for more of it, at least one byte, valid until commit(). */
	int (*space)(void *ctx, void *image, uint8_t **ret, size_t *ret_n, struct wb_error *err);
	/* The first n bytes of that room are the image's now. */
	void (*commit)(void *ctx, void *image, size_t n);
	/* It is whole; `image` is gone afterwards. */
	int (*end)(void *ctx, void *image, struct wb_error *err);
	/* It never will be; `image` is gone afterwards. */
	void (*abort)(void *ctx, void *image);
};

/* Where images come from. */
struct wb_stream_source {
	void *ctx;
	/* -ENOENT: there is no such image, which CRIU asks to know; anything else ends the restore. */
	int (*open)(void *ctx, const char *name, void **ret_image, struct wb_error *err);
	/* The next piece, valid until the next call; false after the last. */
	bool (*next)(void *ctx, void *image, struct wb_bytes *ret);
	void (*close)(void *ctx, void *image);
};

/* What went through. */
struct wb_stream_stats {
	uint64_t bytes;
	size_t images;
};

/*
 * Receive all images of one dump from a connected socket, until CRIU has closed it and the pipes.
 * Returns early with 0 when `stop` (a file descriptor, -1 none) becomes readable and no image is
 * open. -EPROTO what came is no such protocol, -ETIMEDOUT nothing came for timeout_ms, and what the
 * sink says.
 */
int wb_stream_capture(int sock, int stop, int timeout_ms, const struct wb_stream_sink *sink,
	struct wb_stream_stats *ret, struct wb_error *err);
/*
 * Answer CRIU's requests for images, until it has closed the socket and the pipes. An image of
 * which CRIU does not want the rest is no failure.
 */
int wb_stream_serve(int sock, int timeout_ms, const struct wb_stream_source *source,
	struct wb_stream_stats *ret, struct wb_error *err);

/*
 * The name in a request, as the protobuf message has it; at most 255 bytes, no slash, no NUL, not
 * "." or "..". -EBADMSG. *ret to be freed.
 */
int wb_stream_parse_request(struct wb_bytes message, char **ret);
