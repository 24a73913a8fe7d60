// SPDX-License-Identifier: LGPL-2.1-or-later
/* The waterfall as SVG, and as a page that loads nothing from elsewhere; light and dark. */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "timeline/timeline.h"

#define WIDTH 960
#define LEFT 240
#define RIGHT 90
#define AREA (WIDTH - LEFT - RIGHT)
#define ROW 26
#define HEAD 64

static void print_escaped(FILE *f, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '&':
			fputs("&amp;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default:
			/* XML cannot contain other control characters. */
			fputc((unsigned char)*s < ' ' ? '?' : *s, f);
		}
	}
}

/* The beginning of a unit's name, as much as there is room for beside its bar. */
static void print_short(FILE *f, const char *unit)
{
	char text[32];

	snprintf(text, sizeof(text), "%s", unit);
	/* Only whole characters. */
	for (size_t n = strlen(text);
		strlen(unit) > n && n && ((unsigned char)unit[n] & 0xc0) == 0x80;)
		text[--n] = '\0';
	print_escaped(f, text);
	if (strlen(text) < strlen(unit))
		fputs("…", f);
}

/* "1.23 s", "45 ms" */
static const char *duration(double s, char ret[24])
{
	if (fabs(s) >= 1 || s == 0)
		snprintf(ret, 24, "%.2f s", s);
	else if (fabs(s) >= 0.0095)
		snprintf(ret, 24, "%.0f ms", s * 1000);
	else
		snprintf(ret, 24, "%.1f ms", s * 1000);
	return ret;
}

/* A margin of error, for markup. */
static const char *margin(double s, char ret[24])
{
	return s < 0.001 ? "&lt; 1 ms" : duration(s, ret);
}

/* The owner of the machine in a phase: the old system, the kernels, or the new system. */
static const char *phase_class(const char *name)
{
	static const struct {
		const char *name, *class;
	} classes[] = {
		{WB_PHASE_STAGING, "before"},
		{WB_PHASE_STOP, "old"},
		{WB_PHASE_FREEZE, "old"},
		{WB_PHASE_UNMOUNT, "old"},
		{WB_PHASE_WRITE, "old"},
		{WB_PHASE_INITRAMFS, "new"},
		{WB_PHASE_THAW, "new"},
		{WB_PHASE_USER, "new"},
		{WB_PHASE_LATE, "new"},
		{WB_PHASE_PROBE, "new"},
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		if (!strncmp(name, classes[i].name, strlen(classes[i].name)))
			return classes[i].class;
	return "kernel";
}

static void print_style(FILE *f)
{
	fputs("<style>\n"
	      ".tl{--fg:#1c1e21;--dim:#5c6370;--bg:#ffffff;--grid:#d8dbe0;--before:#9aa3b0;"
	      "--old:#3b7dd8;--kernel:#d07a1f;--new:#2a9158;--kept:#7a5cc0;--again:#b8475a}\n"
	      "@media(prefers-color-scheme:dark){.tl{--fg:#e6e7ea;--dim:#a4abb8;--bg:#16181c;"
	      "--grid:#363b44;--before:#78828f;--old:#6aa3ee;--kernel:#e89a4a;--new:#4fb97e;"
	      "--kept:#a58be6;--again:#e07b8b}}\n"
	      ".tl .bg{fill:var(--bg)}.tl text{fill:var(--fg);font:13px system-ui,sans-serif}\n"
	      ".tl .title{font-size:16px;font-weight:600}.tl .dim{fill:var(--dim);font-size:12px}\n"
	      ".tl .grid{stroke:var(--grid);stroke-width:1}\n"
	      ".tl .before{fill:var(--before)}.tl .old{fill:var(--old)}"
	      ".tl .kernel{fill:var(--kernel)}.tl .new{fill:var(--new)}"
	      ".tl .kept{fill:var(--kept)}.tl .again{fill:var(--again)}\n"
	      "</style>\n",
		f);
}

/* A round step between the lines of the grid, for four to ten lines. */
static double grid_step(double total)
{
	double step = pow(10, floor(log10(total / 4)));

	if (total / step > 20)
		return step * 5;
	if (total / step > 10)
		return step * 2;
	return step;
}

/* The number of bars: phases, and units whose silence has a place. */
static int bars(const struct wb_timeline *t)
{
	int n = (int)t->n_phases;

	for (size_t i = 0; i < t->n_units; i++)
		n += wb_tl_unit_is_placed(&t->units[i]);
	return n;
}

static int rows(const struct wb_timeline *t)
{
	return HEAD + bars(t) * ROW + 34;
}

static void print_grid(FILE *f, double scale, int top, int bottom)
{
	double step = grid_step(scale);

	for (int i = 0; i * step <= scale * 1.0001 && i < 64; i++) {
		double x = LEFT + i * step / scale * AREA;

		fprintf(f, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n",
			x, x, top, bottom);
		fprintf(f,
			"<text class=\"dim\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g s"
			"</text>\n",
			x, bottom + 16, i * step);
	}
}

static void print_phase(FILE *f, const struct wb_tl_phase *p, double scale, int y)
{
	double x = LEFT + p->start_s / scale * AREA, w = p->duration_s / scale * AREA;
	char text[24], error[24];

	w = w < 1 ? 1 : w;
	fprintf(f, "<g><title>");
	print_escaped(f, p->name);
	fprintf(f, ": %s, from ", duration(p->duration_s, text));
	print_escaped(f, p->source);
	fprintf(f, " (+- %s)</title>\n", margin(p->error_s, error));
	fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", LEFT - 12, y + 17);
	print_escaped(f, p->name);
	fprintf(f,
		"</text><rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" "
		"rx=\"2\"/>",
		phase_class(p->name), x, y + 4, w, ROW - 8);
	fprintf(f, "<text class=\"dim\" x=\"%.1f\" y=\"%d\">%s</text></g>\n", x + w + 6, y + 17,
		duration(p->duration_s, text));
}

/* A unit that is kept as a process has another colour than one that is started again. */
static void print_silence(FILE *f, const struct wb_tl_unit *u, double scale, int y)
{
	double from = u->silent_from_s < scale ? u->silent_from_s : scale;
	double to = u->silent_from_s + u->silent_s;
	double x = LEFT + from / scale * AREA;
	char text[24];

	/* A silence may go on after the line's end. */
	to = to < scale ? to : scale;
	fputs("<g><title>", f);
	print_escaped(f, wb_tl_unit_name(u));
	fputs(", ", f);
	print_escaped(f, u->how);
	fprintf(f, ": silent for %s</title>\n<text x=\"%d\" y=\"%d\" text-anchor=\"end\">",
		duration(u->silent_s, text), LEFT - 12, y + 17);
	print_short(f, wb_tl_unit_name(u));
	fprintf(f,
		"</text><rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" "
		"height=\"%d\" rx=\"2\"/>",
		!strcmp(u->how, "restart") ? "again" : "kept", x, y + 7,
		to > from ? (to - from) / scale * AREA + 1 : 1, ROW - 14);
	fprintf(f, "<text class=\"dim\" x=\"%.1f\" y=\"%d\">%s</text></g>\n",
		x + (to - from) / scale * AREA + 6, y + 17, duration(u->silent_s, text));
}

static void print_boot(FILE *f, const struct wb_timeline *t, double scale, int top)
{
	time_t at = t->when;
	char when[32] = "", text[24];
	struct tm tm;

	if (gmtime_r(&at, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	fprintf(f, "<text class=\"title\" x=\"16\" y=\"%d\">", top + 26);
	print_escaped(f, *t->from ? t->from : "?");
	fputs(" → ", f);
	print_escaped(f, t->to);
	fprintf(f, "</text><text class=\"dim\" x=\"16\" y=\"%d\">%s boot %.8s, %s, method ",
		top + 46, t->warm ? "warm" : "cold", t->boot, when);
	print_escaped(f, t->method);
	fprintf(f, ", total %s</text>\n", duration(t->total_s, text));
	print_grid(f, scale, top + HEAD - 6, top + HEAD + bars(t) * ROW + 4);
	top += HEAD;
	for (size_t i = 0; i < t->n_phases; i++, top += ROW)
		print_phase(f, &t->phases[i], scale, top);
	for (size_t i = 0; i < t->n_units; i++) {
		if (!wb_tl_unit_is_placed(&t->units[i]))
			continue;
		print_silence(f, &t->units[i], scale, top);
		top += ROW;
	}
}

static void print_svg(FILE *f, const struct wb_timeline *t, const struct wb_timeline *other)
{
	double scale = other && other->total_s > t->total_s ? other->total_s : t->total_s;
	int height = rows(t) + (other ? rows(other) : 0);

	/* A boot of length 0 is drawn, too. */
	scale = scale > 0.001 ? scale : 0.001;
	fprintf(f,
		"<svg class=\"tl\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
		"role=\"img\" aria-label=\"Where the time of a boot went\">\n",
		WIDTH, height);
	print_style(f);
	fprintf(f, "<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n", WIDTH, height);
	print_boot(f, t, scale, 0);
	if (other)
		print_boot(f, other, scale, rows(t));
	fputs("</svg>\n", f);
}

static void print_cell(FILE *f, const char *text)
{
	fputs("<td>", f);
	print_escaped(f, text);
	fputs("</td>", f);
}

static void print_seconds(FILE *f, double s)
{
	char text[24];

	fprintf(f, "<td class=\"n\">%s</td>", s < 0 ? "" : duration(s, text));
}

static void print_starts(FILE *f, const char *title, const struct wb_tl_start *list, size_t n)
{
	if (!n)
		return;
	fprintf(f,
		"<h2>%s</h2><table><tr><th>unit</th><th class=\"n\">start</th>"
		"<th class=\"n\">time</th></tr>\n",
		title);
	for (size_t i = 0; i < n; i++) {
		fputs("<tr>", f);
		print_cell(f, list[i].unit);
		print_seconds(f, list[i].start_s);
		print_seconds(f, list[i].duration_s);
		fputs("</tr>\n", f);
	}
	fputs("</table>\n", f);
}

static void print_tables(FILE *f, const struct wb_timeline *t)
{
	char text[24];

	fputs("<h2>Phases</h2><table><tr><th>phase</th><th class=\"n\">start</th><th "
	      "class=\"n\">time</th>"
	      "<th class=\"n\">may be off by</th><th>read from</th></tr>\n",
		f);
	for (size_t i = 0; i < t->n_phases; i++) {
		fputs("<tr>", f);
		print_cell(f, t->phases[i].name);
		print_seconds(f, t->phases[i].start_s);
		print_seconds(f, t->phases[i].duration_s);
		fprintf(f, "<td class=\"n\">%s</td>", margin(t->phases[i].error_s, text));
		print_cell(f, t->phases[i].source);
		fputs("</tr>\n", f);
	}
	fputs("</table>\n", f);
	if (t->n_units)
		fputs("<h2>Units</h2><table><tr><th>unit</th><th>how</th><th "
		      "class=\"n\">frozen</th>"
		      "<th class=\"n\">silent</th></tr>\n",
			f);
	for (size_t i = 0; i < t->n_units; i++) {
		fputs("<tr>", f);
		print_cell(f, wb_tl_unit_name(&t->units[i]));
		print_cell(f, t->units[i].how);
		print_seconds(f, t->units[i].frozen_s);
		print_seconds(f, t->units[i].silent_s);
		fputs("</tr>\n", f);
	}
	fputs(t->n_units ? "</table>\n" : "", f);
	print_starts(f, "What the default target waited for", t->chain, t->n_chain);
	print_starts(f, "Longest to start", t->starts, t->n_starts);
	if (t->n_stops)
		fputs("<h2>Longest to stop</h2><table><tr><th>unit</th><th "
		      "class=\"n\">time</th></tr>\n",
			f);
	for (size_t i = 0; i < t->n_stops; i++) {
		fputs("<tr>", f);
		print_cell(f, t->stops[i].unit);
		print_seconds(f, t->stops[i].duration_s);
		fputs("</tr>\n", f);
	}
	fputs(t->n_stops ? "</table>\n" : "", f);
	if (t->n_parts + t->n_initcalls)
		fputs("<h2>Inside the kernel and the "
		      "initramfs</h2><table><tr><th>part</th><th class=\"n\">time</th></tr>\n",
			f);
	for (size_t i = 0; i < t->n_parts; i++) {
		fputs("<tr>", f);
		print_cell(f, t->parts[i].name);
		print_seconds(f, t->parts[i].duration_s);
		fputs("</tr>\n", f);
	}
	for (size_t i = 0; i < t->n_initcalls; i++) {
		fputs("<tr>", f);
		print_cell(f, t->initcalls[i].name);
		print_seconds(f, t->initcalls[i].duration_s);
		fputs("</tr>\n", f);
	}
	fputs(t->n_parts + t->n_initcalls ? "</table>\n" : "", f);
	for (size_t i = 0; i < t->n_notes; i++) {
		fputs("<p>Note: ", f);
		print_escaped(f, t->notes[i]);
		fputs("</p>\n", f);
	}
}

static void print_html(FILE *f, const struct wb_timeline *t, const struct wb_timeline *other)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>warmboot timeline ",
		f);
	print_escaped(f, t->boot);
	fputs("</title>\n<style>\n"
	      "body{margin:0 auto;max-width:960px;padding:16px;font:15px/1.5 system-ui,sans-serif;"
	      "color:#1c1e21;background:#fff}\n"
	      "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:4px 10px "
	      "4px "
	      "0;border-bottom:1px solid #d8dbe0;font-variant-numeric:tabular-nums}\n"
	      ".n{text-align:right;white-space:nowrap}h2{font-size:17px;margin-top:28px}\n"
	      "svg{width:100%;height:auto}\n"
	      "@media(prefers-color-scheme:dark){body{color:#e6e7ea;background:#16181c}"
	      "td,th{border-color:#363b44}}\n"
	      "</style></head><body>\n",
		f);
	print_svg(f, t, other);
	print_tables(f, t);
	if (other) {
		fputs("<h1>The other boot</h1>\n", f);
		print_tables(f, other);
	}
	fputs("</body></html>\n", f);
}

static int print_to(void (*print)(FILE *, const struct wb_timeline *, const struct wb_timeline *),
	const struct wb_timeline *t, const struct wb_timeline *other, char **ret)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	print(f, t, other);
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}

int wb_timeline_svg(const struct wb_timeline *t, const struct wb_timeline *other, char **ret)
{
	return print_to(print_svg, t, other, ret);
}

int wb_timeline_html(const struct wb_timeline *t, const struct wb_timeline *other, char **ret)
{
	return print_to(print_html, t, other, ret);
}
