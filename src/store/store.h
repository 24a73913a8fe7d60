/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store: where kept state lives while the kernel changes. It is one area of memory (or a file)
 * that holds named objects, each a list of extents with a checksum of their own.
 *
 * In the kernel that is to be left:
 *
 *	wb_store_create()      memory is reserved, or refused before anything has been stopped;
 *	wb_load_options.store = wb_store_load(store), and the kernel is loaded around it;
 *	wb_store_open()        in any later process of this boot;
 *	wb_store_begin() … wb_store_end() for each object, then wb_store_seal(), and the jump.
 *
 * In the kernel that comes after:
 *
 *	wb_store_attach()      finds it through the handoff; nonce, header and table are checked;
 *	wb_store_get()         an object's extents are checked before a byte of it is handed out;
 *	wb_store_wipe()        when everything has been taken out.
 *
 * One process at a time writes objects: the table of what was written lies in that process until
 * it seals the store, or leaves it to the next one with wb_store_park().
 */
#pragma once

#include "core/bytes.h"
#include "core/error.h"
#include "core/ranges.h"
#include "store/io.h"
#include "sys/sys.h"
#include "warmboot.h"

struct wb_store;        /* one store, mapped into this process */
struct wb_store_writer; /* one object that is being written */

/* What the functions reach the machine through; tests put fakes here. What it points to must outlive
 * the stores. */
struct wb_store_env {
	const struct wb_sys *sys;
	const struct wb_store_io *io;
};

const struct wb_store_env *wb_store_env_real(void);

/* The longest name of an object, without its NUL. */
#define WB_STORE_NAME_MAX 255

struct wb_store_info {
	const char *backend; /* "carve", "pmem", "disk" */
	uint64_t size;       /* bytes that objects and the table of them share */
	uint64_t used;       /* of these, by what was written */
	uint64_t header;     /* physical address of the header; 0: the store is a file */
	uint8_t nonce[16];   /* the jump's: goes into the handoff block, and into the header */
	bool sealed;
	size_t objects; /* that are whole */
};

/* ---- the kernel that is to be left ---- */

/* The file that tells of the store cannot be written, however much memory there is. */
#define WB_STORE_NO_STATE (-ENOMEDIUM)

/*
 * Set `bytes` aside for the next jump and begin an empty store there. backend: a row's name, or
 * NULL for the first that can. Takes the time that zeroing the memory takes.
 * -ENOSPC too little memory (nothing has changed), -EEXIST this boot already holds one,
 * -EOPNOTSUPP the backend cannot work on this machine, WB_STORE_NO_STATE, -EPERM, -EIO, -ENOMEM.
 */
int wb_store_create(const struct wb_store_env *env, const char *backend, uint64_t bytes,
	struct wb_store **ret, struct wb_error *err);
/*
 * The store that this boot holds for the next jump; one that is sealed may only be read. -ENOENT
 * none; -EIO its memory is not where it was, or its holder is gone.
 */
int wb_store_open(const struct wb_store_env *env, struct wb_store **ret, struct wb_error *err);
/* Give it back, contents and all, and forget it: the end of a jump that is not made. 0: none left. */
int wb_store_drop(const struct wb_store_env *env, struct wb_error *err);

/*
 * What a load must be told (struct wb_load_options, field `store`). Borrowed from the store. A
 * kernel loaded without it, or for a store since dropped, knows nothing of the store.
 */
const struct wb_load_store *wb_store_load(const struct wb_store *store);

/*
 * Begin an object. Several may be under way at a time. -EEXIST a name twice, -EINVAL no valid name,
 * -EROFS sealed, -ENOMEM.
 */
int wb_store_begin(struct wb_store *store, const char *name, struct wb_store_writer **ret,
	struct wb_error *err);
/*
 * Room for the object's next bytes, in the store itself: at least one page, so that a pipe can be
 * read(2) straight into it. Valid until the next call for this writer. -ENOSPC the store is full.
 */
int wb_store_space(struct wb_store_writer *w, uint8_t **ret, size_t *ret_n, struct wb_error *err);
/* The first `n` bytes of that room are the object's now. */
void wb_store_commit(struct wb_store_writer *w, size_t n);
int wb_store_write(struct wb_store_writer *w, const void *buf, size_t n, struct wb_error *err);
/* The object is whole. Frees the writer, whatever it returns. */
int wb_store_end(struct wb_store_writer *w, struct wb_error *err);
/* It shall not be. Its room is free again. NULL-safe. */
void wb_store_abort(struct wb_store_writer *w);
/* All in one. */
int wb_store_put(
	struct wb_store *store, const char *name, struct wb_bytes contents, struct wb_error *err);
/* Take whole objects out again whose names begin with `prefix`; for a unit whose dump failed. */
int wb_store_forget(struct wb_store *store, const char *prefix, struct wb_error *err);
/*
 * Write the table and the header; only now could the next kernel find anything. -EBUSY an object is
 * not whole, -ENOSPC no room for the table, -EIO the memory has moved or could not be written out.
 */
int wb_store_seal(struct wb_store *store, struct wb_error *err);
/* Zero all that was written to a store that is not sealed and will not be. It can only be closed then. */
void wb_store_scrub(struct wb_store *store);
/*
 * Leave what is whole to whoever opens the store next in this boot, to go on writing and to seal it:
 * the table goes to a file in /run. Nothing may be written through `store` any more. -EBUSY an object
 * is not whole; the file's errors.
 */
int wb_store_park(struct wb_store *store, struct wb_error *err);

/* ---- the kernel that came after ---- */

/*
 * Find the store that the kernel before handed on. Checks nonce, header and table; an object's own
 * bytes are checked when it is asked for. -ENOENT none was handed on; -ESTALE there is one, but of
 * another jump; -EBADMSG header or table damaged; -EACCES the kernel keeps the memory closed.
 */
int wb_store_attach(const struct wb_store_env *env, struct wb_store **ret, struct wb_error *err);

struct wb_store_object {
	const char *name; /* borrowed from the store */
	uint64_t size;
	size_t index;
};

/* The i-th object in the order of names, whole ones only; false past the last. */
bool wb_store_object(const struct wb_store *store, size_t i, struct wb_store_object *ret);

/* An object's bytes, in order, as they lie in memory. Plain data: needs no freeing. */
struct wb_store_reader {
	const struct wb_store *store;
	size_t index, next; /* object and extent */
};

/*
 * Check all of an object's extents, on several CPUs where it is large. -ENOENT, -EBADMSG with a
 * sentence that names the object and the place.
 */
int wb_store_get(const struct wb_store *store, const char *name, struct wb_store_reader *ret,
	struct wb_error *err);
/* The next piece; false after the last. To write(2) from: such memory cannot be vmspliced. */
bool wb_store_next(struct wb_store_reader *r, struct wb_bytes *ret);
/* A copy of a small object; a NUL follows that is not counted. -EFBIG over `limit`. */
int wb_store_read(const struct wb_store *store, const char *name, size_t limit, struct wb_blob *ret,
	struct wb_error *err);
/* Check every object. */
int wb_store_check(const struct wb_store *store, struct wb_error *err);
/*
 * Zero everything, so that no secret stays behind and no later jump can find it. What was memory
 * before the jump is that again after the next one (fast and segments methods). The store can only
 * be closed then.
 */
int wb_store_wipe(struct wb_store *store, struct wb_error *err);
/* The same for whatever was handed on, also when it is too damaged to attach to. -ENOENT none. */
int wb_store_wipe_any(const struct wb_store_env *env, struct wb_error *err);

/* ---- both ---- */

struct wb_store_info wb_store_info(const struct wb_store *store);
/* Let go of it in this process; the store itself stays as it is. NULL-safe. */
void wb_store_close(struct wb_store *store);

static inline void wb_store_closep(struct wb_store **store)
{
	wb_store_close(*store);
}
#define WB_CLEAN_STORE __attribute__((cleanup(wb_store_closep))) struct wb_store *
