/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The compression function of SHA-256 (FIPS 180-4, 6.2.2) as macros, for numbers and for vectors of
 * numbers. They work on names: a to h, the state, and LOAD(i), which leaves word i of a block in w[i].
 */
#pragma once

#define ROR(v, n) ((v) >> (n) | (v) << (32 - (n)))

/*
 * One round. The caller rotates the names instead of the values; `ab` carries a ^ b over to the
 * next round, where it is b ^ c, which saves an operation in Maj: Maj(a,b,c) = ((a^b) & (b^c)) ^ b.
 * Three independent rotations: nesting them saves a register but costs a tenth under emulation.
 */
#define BIG0(x) (ROR(x, 2) ^ ROR(x, 13) ^ ROR(x, 22))
#define BIG1(x) (ROR(x, 6) ^ ROR(x, 11) ^ ROR(x, 25))
#define ROUND(a, b, c, d, e, f, g, h, kw, ab, bc)          \
	do {                                               \
		h += (kw) + (((f ^ g) & e) ^ g) + BIG1(e); \
		d += h;                                    \
		ab = a ^ b;                                \
		h += BIG0(a) + ((ab & bc) ^ b);            \
	} while (0)

/* Word i of the schedule, in a ring of 16. */
#define SMALL0(x) (ROR(x, 7) ^ ROR(x, 18) ^ (x) >> 3)
#define SMALL1(x) (ROR(x, 17) ^ ROR(x, 19) ^ (x) >> 10)
#define NEXT(i) (w[i] += SMALL0(w[((i) + 1) & 15]) + w[((i) + 9) & 15] + SMALL1(w[((i) + 14) & 15]))

#define EIGHT(W, i)                                                       \
	do {                                                              \
		ROUND(a, b, c, d, e, f, g, h, k[i] + W(i), x, y);         \
		ROUND(h, a, b, c, d, e, f, g, k[i + 1] + W(i + 1), y, x); \
		ROUND(g, h, a, b, c, d, e, f, k[i + 2] + W(i + 2), x, y); \
		ROUND(f, g, h, a, b, c, d, e, k[i + 3] + W(i + 3), y, x); \
		ROUND(e, f, g, h, a, b, c, d, k[i + 4] + W(i + 4), x, y); \
		ROUND(d, e, f, g, h, a, b, c, k[i + 5] + W(i + 5), y, x); \
		ROUND(c, d, e, f, g, h, a, b, k[i + 6] + W(i + 6), x, y); \
		ROUND(b, c, d, e, f, g, h, a, k[i + 7] + W(i + 7), y, x); \
	} while (0)

/* One whole block, of words of this type; the sums are the state and the next block's a to h. */
#define BLOCK(word)                              \
	do {                                     \
		const uint32_t *k = wb_sha256_k; \
		word w[16], x, y = b ^ c;        \
                                                 \
		EIGHT(LOAD, 0);                  \
		EIGHT(LOAD, 8);                  \
		for (int i = 0; i < 3; i++) {    \
			k += 16;                 \
			EIGHT(NEXT, 0);          \
			EIGHT(NEXT, 8);          \
		}                                \
		a = state[0] += a;               \
		b = state[1] += b;               \
		c = state[2] += c;               \
		d = state[3] += d;               \
		e = state[4] += e;               \
		f = state[5] += f;               \
		g = state[6] += g;               \
		h = state[7] += h;               \
	} while (0)
