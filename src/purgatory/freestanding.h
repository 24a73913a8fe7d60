/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Included ahead of every source of the image: every symbol is in it, so that none of them is
 * reached through a GOT (-fvisibility=hidden would hide definitions only).
 */
#pragma GCC visibility push(hidden)
