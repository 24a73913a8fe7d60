/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The header of an image that libvirt has saved (virQEMUSaveHeader in libvirt's src/qemu/qemu_saveimage.h). Pure. */
#pragma once

#include <stdint.h>

#include "core/bytes.h"
#include "core/error.h"

#define WB_DOMAIN_HEADER 92

/*
 * Make of the header of an image that is being written that of a whole one, in place. *ret_data: bytes of what
 * describes the domain after it. -EBADMSG with a sentence: it is no such header, or of a kind that cannot go through a
 * pipe.
 */
int wb_domain_header_finish(
	uint8_t header[WB_DOMAIN_HEADER], uint32_t *ret_data, struct wb_error *err);
