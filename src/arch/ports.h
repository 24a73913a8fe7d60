/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* I/O ports of the native machine, for the warm init. */
#pragma once

#include <stdint.h>

/*
 * Read or write `width` bytes (1, 2, 4) at a port. This needs CAP_SYS_RAWIO. Negative errno; -EOPNOTSUPP: the
 * machine has no ports.
 */
int wb_arch_port_read(uint16_t port, uint8_t width, uint32_t *ret);
int wb_arch_port_write(uint16_t port, uint8_t width, uint32_t value);
