/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store: it holds kept state while the kernel changes. It is one area of memory (or a file)
 * with named objects, each a list of extents with a checksum of their own.
 *
 * In the old kernel:
 *
 *	wb_store_create()      reserves memory, or refuses before anything has been stopped;
 *	wb_load_options.store = wb_store_load(store), and the kernel is loaded around it;
 *	wb_store_open()        in any later process of this boot;
 *	wb_store_begin() … wb_store_end() for each object, then wb_store_seal(), and the jump.
 *
 * In the next kernel:
 *
 *	wb_store_attach()      finds it through the handoff; checks nonce, header and table;
 *	wb_store_get()         checks an object's extents before a byte of it is handed out;
 *	wb_store_wipe()        when everything has been taken out.
 *
 * One process at a time writes objects, with as many threads as it likes, each for objects of its own: the table of written objects lies in that process until it
 * seals the store, or leaves it to the next one with wb_store_park().
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

/*
 * Access to the machine; tests put fakes here. The structs that it points to must outlive the
 * stores.
 */
struct wb_store_env {
	const struct wb_sys *sys;
	const struct wb_store_io *io;
};

const struct wb_store_env *wb_store_env_real(void);

/* The longest name of an object, without its NUL. */
#define WB_STORE_NAME_MAX 255

struct wb_store_info {
	const char *backend; /* name of a row of wb_store_backends[] */
	uint64_t size;       /* bytes that objects and the table of them share */
	uint64_t used;       /* bytes of `size` that written objects take */
	uint64_t header;     /* physical address of the header; 0: the store is a file */
	uint8_t nonce[16];   /* the jump's: goes into the handoff block, and into the header */
	bool sealed;
	size_t objects; /* number of objects that are written completely */
};

/* ---- the kernel that is to be left ---- */

/* An error of wb_store_create(): the state file cannot be written, so a smaller store would fail, too. */
#define WB_STORE_NO_STATE (-ENOMEDIUM)

/*
 * Set `bytes` aside for the next jump and begin an empty store there. backend: a row's name, or
 * NULL for the first row; no other is tried (wb_store_choose() does that). Takes the time that zeroing the memory takes.
 * -ENOSPC too little memory (nothing has changed), -EEXIST this boot already holds one,
 * -EOPNOTSUPP the backend cannot work on this machine, WB_STORE_NO_STATE, -EPERM, -EIO, -ENOMEM.
 */
int wb_store_create(const struct wb_store_env *env, const char *backend, uint64_t bytes,
	struct wb_store **ret, struct wb_error *err);
/*
 * Open the store that this boot holds for the next jump. A sealed store can only be read. -ENOENT:
 * there is none; -EIO: its memory has moved, or its holder has ended.
 */
int wb_store_open(const struct wb_store_env *env, struct wb_store **ret, struct wb_error *err);
/* Wipe and release the store, because the jump is cancelled. 0: no store is left. */
int wb_store_drop(const struct wb_store_env *env, struct wb_error *err);

/*
 * Mark the store as one for the memory of services. wb_store_wipe_left() then wipes it when it is
 * not whole, and when all services are restored. To be called before anything is written. -EROFS,
 * -EIO.
 */
int wb_store_of_services(struct wb_store *store, struct wb_error *err);

/*
 * The description of the store for a load (struct wb_load_options, field `store`), borrowed from
 * the store. A kernel that is loaded without it, or for a store that was dropped, does not know of
 * the store.
 */
const struct wb_load_store *wb_store_load(const struct wb_store *store);

/*
 * Begin an object. Several can be open at a time. -EEXIST: the name exists; -EINVAL: no valid name;
 * -EROFS: the store is sealed; -ENOMEM.
 */
int wb_store_begin(struct wb_store *store, const char *name, struct wb_store_writer **ret,
	struct wb_error *err);
/*
 * Room for the next bytes of the object, in the store itself. It is at least one page, so that
 * read(2) from a pipe needs no buffer. Valid until the next call for this writer. -ENOSPC: the
 * store is full.
 */
int wb_store_space(struct wb_store_writer *w, uint8_t **ret, size_t *ret_n, struct wb_error *err);
/* Append the first `n` bytes of that room to the object. */
void wb_store_commit(struct wb_store_writer *w, size_t n);
int wb_store_write(struct wb_store_writer *w, const void *buf, size_t n, struct wb_error *err);
/* Finish the object. Frees the writer, also on failure. */
int wb_store_end(struct wb_store_writer *w, struct wb_error *err);
/* Drop the object and free its room. NULL-safe. */
void wb_store_abort(struct wb_store_writer *w);
/* Write an object in one call. */
int wb_store_put(
	struct wb_store *store, const char *name, struct wb_bytes contents, struct wb_error *err);
/*
 * Set `bytes` more aside for objects whose names begin with `prefix`, or all that is free if it is less. Other objects
 * cannot take them. Beyond its share, each object may take what is nobody's share. 0: gives up what is not taken yet.
 * Shares belong to this process. -ENOMEM.
 */
int wb_store_share(struct wb_store *store, const char *prefix, uint64_t bytes);
/* Is there a finished object with a name that begins with `prefix`? For the process that writes. */
bool wb_store_has(struct wb_store *store, const char *prefix);
/* Remove finished objects with names that begin with `prefix`, after the dump of a unit failed. */
int wb_store_forget(struct wb_store *store, const char *prefix, struct wb_error *err);
/*
 * Write the table and the header. Before this, the next kernel cannot find anything in the store.
 * -EBUSY: an object is not finished; -ENOSPC: no room for the table; -EIO: the memory has moved or
 * could not be written out.
 */
int wb_store_seal(struct wb_store *store, struct wb_error *err);
/* Wipe a store that is not sealed and will not be. Afterwards it can only be closed. */
void wb_store_scrub(struct wb_store *store);
/*
 * Write the table of finished objects to a file in /run, so that the next process of this boot that
 * opens the store can go on writing and seal it. Nothing may be written through `store` afterwards.
 * -EBUSY: an object is not finished; or errors of the file.
 */
int wb_store_park(struct wb_store *store, struct wb_error *err);

/* ---- the kernel that came after ---- */

/*
 * Find the store that the old kernel handed on. Checks nonce, header and table; an object is
 * checked when it is read. -ENOENT: there is none; -ESTALE: it belongs to another jump, or was used
 * already; -EBADMSG: it was never sealed, or header or table are damaged; -EACCES: the kernel does
 * not allow access to the memory.
 */
int wb_store_attach(const struct wb_store_env *env, struct wb_store **ret, struct wb_error *err);

struct wb_store_object {
	const char *name; /* borrowed from the store */
	uint64_t size;
	size_t index;
};

/* The i-th finished object in the order of names; false after the last. */
bool wb_store_object(const struct wb_store *store, size_t i, struct wb_store_object *ret);

/* A position in an object that is read in order, without a copy. Plain data, needs no freeing. */
struct wb_store_reader {
	const struct wb_store *store;
	size_t index; /* of the object */
	size_t next;  /* index of the object's extent that is read next */
};

/*
 * Check all extents of an object and begin reading it. A large object is checked on several CPUs.
 * -ENOENT; -EBADMSG with a sentence that names the object and the place.
 */
int wb_store_get(const struct wb_store *store, const char *name, struct wb_store_reader *ret,
	struct wb_error *err);
/*
 * Get the next piece; false after the last. Use write(2) on it, as this memory cannot be vmspliced.
 */
bool wb_store_next(struct wb_store_reader *r, struct wb_bytes *ret);
/* Copy a small object; the copy ends in a NUL that is not counted. -EFBIG: larger than `limit`. */
int wb_store_read(const struct wb_store *store, const char *name, size_t limit, struct wb_blob *ret,
	struct wb_error *err);
/* Check every object. */
int wb_store_check(const struct wb_store *store, struct wb_error *err);
/*
 * Note in the header that this boot restores services from the store, so that no other boot does so
 * again. May be called again in this boot. -ESTALE: it was used already; -EIO, -EACCES.
 */
int wb_store_claim(struct wb_store *store, struct wb_error *err);
/*
 * Zero everything, so that no secret stays and no later jump finds the store. The header says from
 * the beginning that the store was used. Memory that was carved out of RAM is ordinary RAM
 * again after the next jump by the methods "fast" and "segments" of `warmboot load`. Afterwards the
 * store can only be closed.
 */
int wb_store_wipe(struct wb_store *store, struct wb_error *err);
/*
 * Wipe any store that was handed on, also one that is too damaged to attach to. -ENOENT: there is
 * none.
 */
int wb_store_wipe_any(const struct wb_store_env *env, struct wb_error *err);
/*
 * Wipe stores that cannot be used any more: never sealed, damaged, of another version, used, or
 * with services of another jump. With `thawed`, also a whole store of services, as their restore is
 * over. A whole store of a user's files (`warmboot store put`) stays. 0 also if there was nothing to wipe. -EACCES, -EIO.
 */
int wb_store_wipe_left(const struct wb_store_env *env, bool thawed, struct wb_error *err);

/* ---- both ---- */

struct wb_store_info wb_store_info(const struct wb_store *store);
/* Close it in this process; the store itself stays. NULL-safe. */
void wb_store_close(struct wb_store *store);

static inline void wb_store_closep(struct wb_store **store)
{
	wb_store_close(*store);
}
#define WB_CLEAN_STORE __attribute__((cleanup(wb_store_closep))) struct wb_store *
