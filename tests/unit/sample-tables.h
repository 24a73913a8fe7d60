/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two tables that have, between them, a row of each kind. */
#pragma once

#include <limits.h>
#include <string.h>

#include "core/json-table.h"
#include "core/strv.h"

enum colour { NO_COLOUR, RED, GREEN };

struct leaf {
	char *name;
	enum colour colour;
};

struct tree {
	char *name;
	int64_t height;
	double weight;
	bool old;
	enum colour colour;
	WB_LIST(struct leaf) leaves;
	WB_LIST(int64_t) rings;
	struct leaf first;
	json_t *other;
};

static bool valid_name(const char *s)
{
	return *s && !strchr(s, '/');
}

/* "scarlet" is an earlier name of the same colour. */
static const struct wb_name colours[] = {
	{"red", RED},
	{"scarlet", RED},
	{"green", GREEN},
	{},
};

static const struct wb_json_field leaf_fields[] = {
	WB_JSON_ROW(struct leaf, name, WB_JSON_STRING, .needed = true, .valid = valid_name),
	WB_JSON_ROW(struct leaf, colour, WB_JSON_ENUM, .names = colours),
	{},
};

static const struct wb_json_field tree_fields[] = {
	WB_JSON_ROW(struct tree, name, WB_JSON_STRING),
	WB_JSON_ROW_AS(
		"tall", struct tree, height, WB_JSON_INT, .min = 1, .max = 100, .sparse = true),
	WB_JSON_ROW(struct tree, weight, WB_JSON_REAL),
	WB_JSON_ROW(struct tree, old, WB_JSON_BOOL),
	WB_JSON_ROW(struct tree, colour, WB_JSON_ENUM, .names = colours),
	WB_JSON_ROWS(struct tree, leaves, leaf_fields, 2),
	WB_JSON_ROW(struct tree, rings, WB_JSON_INTS, .max = 9),
	WB_JSON_ROW(struct tree, first, WB_JSON_STRUCT, .needed = true, .fields = leaf_fields),
	WB_JSON_ROW(struct tree, other, WB_JSON_VALUE),
	{},
};

static const char whole_tree[] =
	"{\"name\":\"oak\",\"tall\":7,\"weight\":1.5,\"old\":true,\"colour\":\"green\","
	"\"leaves\":[{\"name\":\"a\",\"colour\":\"red\"},{\"name\":\"b\"}],\"rings\":[1,9],"
	"\"first\":{\"name\":\"c\"},\"other\":{\"x\":[1]}}";

struct point {
	uint64_t x, y;
};

struct visit {
	char who[8];
	double stayed_s;
};

struct log {
	char title[8], place[8];
	int pid;
	uint64_t size;
	int64_t when;
	double took_s, rest_s;
	bool good, warm;
	uint8_t sum[2];
	uint8_t *text;
	size_t text_size;
	struct wb_strv words;
	struct point *points;
	size_t n_points;
	struct visit visits[2];
	size_t n_visits;
	char notes[2][8];
	size_t n_notes;
	int64_t depth; /* in an object of its own */
};

static const struct wb_name warmth[] = {{"cold", false}, {"warm", true}, {}};

static const struct wb_json_field point_fields[] = {
	WB_JSON_ROW(struct point, x, WB_JSON_INT, .needed = true, .max = INT64_MAX),
	WB_JSON_ROW(struct point, y, WB_JSON_INT, .needed = true, .max = INT64_MAX),
	{},
};

static const struct wb_json_field visit_fields[] = {
	WB_JSON_ROW(struct visit, who, WB_JSON_CHARS, .needed = true),
	WB_JSON_ROW(struct visit, stayed_s, WB_JSON_SECONDS, .or_null = true),
	{},
};

static const struct wb_json_field inner_fields[] = {
	WB_JSON_ROW(struct log, depth, WB_JSON_INT, .sparse = true),
	{},
};

static const struct wb_json_field log_fields[] = {
	WB_JSON_ROW(struct log, title, WB_JSON_CHARS, .needed = true),
	WB_JSON_ROW(struct log, place, WB_JSON_CHARS, .or_null = true),
	WB_JSON_ROW(struct log, pid, WB_JSON_INT, .sparse = true),
	WB_JSON_ROW(struct log, size, WB_JSON_INT),
	WB_JSON_ROW(struct log, when, WB_JSON_TIME),
	WB_JSON_ROW(struct log, took_s, WB_JSON_SECONDS),
	WB_JSON_ROW(struct log, rest_s, WB_JSON_SECONDS, .or_null = true),
	WB_JSON_ROW(struct log, good, WB_JSON_BOOL, .sparse = true),
	WB_JSON_ROW_AS("kind", struct log, warm, WB_JSON_ENUM, .names = warmth),
	WB_JSON_ROW(struct log, sum, WB_JSON_HEX),
	WB_JSON_BYTES("text", "hex", struct log, text, text_size),
	WB_JSON_ROW(
		struct log, words, WB_JSON_STRINGS, .valid = valid_name, .max = 2, .sparse = true),
	WB_JSON_PAIR("points", struct log, points, n_points, point_fields, 2, .sparse = true,
		.positional = true),
	WB_JSON_ARRAY_OF(struct log, visits, n_visits, visit_fields),
	WB_JSON_ARRAY_OF(struct log, notes, n_notes, NULL),
	{.key = "inner", .kind = WB_JSON_STRUCT, .fields = inner_fields},
	{},
};

static const char whole_log[] =
	"{\"title\":\"t\",\"place\":\"p\",\"pid\":-5,\"size\":6,\"when\":\"2026-11-21T07:59:12Z\","
	"\"took_s\":1.25,\"rest_s\":0.5,\"good\":true,\"kind\":\"warm\",\"sum\":\"00ff\","
	"\"text\":\"a\",\"words\":[\"v\",\"w\"],\"points\":[[1,2],[3,4]],"
	"\"visits\":[{\"who\":\"me\",\"stayed_s\":null}],\"notes\":[\"n\",null],"
	"\"inner\":{\"depth\":3}}";
