/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The other end of CRIU's --stream: its images go through pipes from the parasite straight into the
 * store and back, without a file system between.
 *
 * The protocol (criu/img-streamer.c, images/img-streamer.proto): CRIU connects to a Unix stream
 * socket in its images directory. For each image it sends a 32-bit little-endian length, a protobuf
 * message with the file's name (field 1), and then one end of a new pipe, as the ancillary data of
 * a single byte. In a restore, it waits between the two for an answer of the same form: field 1
 * says whether there is such an image; if not, no pipe follows. Several images are open at a time.
 * The protocol does not say when a dump is whole: CRIU's exit status does.
 */
#pragma once

#include "core/bytes.h"
#include "core/error.h"

#define WB_STREAM_CAPTURE_SOCKET "streamer-capture.sock"
#define WB_STREAM_SERVE_SOCKET "streamer-serve.sock"

/* A destination for images. The functions record the sentence of their failure. */
struct wb_stream_sink {
	void *ctx;
	/* Begin a new image. *ret_image is passed to the other functions. */
	int (*begin)(void *ctx, const char *name, void **ret_image, struct wb_error *err);
	/* Room for the next bytes of the image, at least one, valid until commit(). */
	int (*space)(void *ctx, void *image, uint8_t **ret, size_t *ret_n, struct wb_error *err);
	/* The first n bytes of that room belong to the image now. */
	void (*commit)(void *ctx, void *image, size_t n);
	/* The image is whole; `image` is gone afterwards. */
	int (*end)(void *ctx, void *image, struct wb_error *err);
	/* The image stays incomplete; `image` is gone afterwards. */
	void (*abort)(void *ctx, void *image);
};

/* A source of images. */
struct wb_stream_source {
	void *ctx;
	/*
	 * -ENOENT: there is no such image, and CRIU is told so; any other error ends the restore.
	 */
	int (*open)(void *ctx, const char *name, void **ret_image, struct wb_error *err);
	/* The next piece, valid until the next call. False: the image has ended. */
	bool (*next)(void *ctx, void *image, struct wb_bytes *ret);
	/* Free what open() returned, also before its last piece. */
	void (*close)(void *ctx, void *image);
};

/* Totals of one transfer. */
struct wb_stream_stats {
	uint64_t bytes;
	size_t images;
};

/*
 * Receive all images of one dump from a connected socket, until CRIU has closed it and the pipes.
 * Returns early with 0 when `stop` (a file descriptor, -1: none) becomes readable and no image is
 * open. -EPROTO: this is not the protocol; -ETIMEDOUT: nothing came for timeout_ms; and errors of
 * the sink.
 */
int wb_stream_capture(int sock, int stop, int timeout_ms, const struct wb_stream_sink *sink,
	struct wb_stream_stats *ret, struct wb_error *err);
/*
 * Answer CRIU's requests for images, until it has closed the socket and the pipes, or as above. It
 * is no failure if CRIU does not want the rest of an image.
 */
int wb_stream_serve(int sock, int stop, int timeout_ms, const struct wb_stream_source *source,
	struct wb_stream_stats *ret, struct wb_error *err);

/*
 * Read a whole image. *ret is to be freed. -EFBIG: it has over 256 MiB; errors of open(); -ENOMEM.
 */
int wb_stream_read(const struct wb_stream_source *source, const char *name, struct wb_blob *ret,
	struct wb_error *err);

/*
 * The name in a request, from its protobuf message: at most 255 bytes, without slash and NUL, not
 * "." or "..". -EBADMSG. *ret is to be freed.
 */
int wb_stream_parse_request(struct wb_bytes message, char **ret);
