/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Included ahead of every source of the image. It says that every symbol is in the image, so that
 * no symbol is reached through a GOT (-fvisibility=hidden would hide definitions only).
 */
#pragma GCC visibility push(hidden)
