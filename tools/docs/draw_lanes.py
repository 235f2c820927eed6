#!/usr/bin/env python3
"""Draws the lanes of a step as SVG, from a trace that `longhaul train --trace FILE` wrote.

    tools/docs/draw_lanes.py trace.json docs/images/lanes.svg --title "..."
"""
import argparse
import html
import json
import pathlib

WIDTH, LEFT, ROW, BAR, TOP = 1200, 90, 46, 32, 64
COLOURS = {
    "forward": "#4c78a8", "backward": "#2f4b7c", "head and loss": "#7b6cb0", "update": "#e45756",
    "copy": "#72b7b2", "accumulate": "#f2a65a", "round gradient": "#f2a65a", "gradient norm": "#9d755d",
}
OTHER = "#bab0ac"
TILES_OF_HEAD = {"head statistics", "head gradient"}


def read_lanes(path):
    """(names of lanes by number, [(lane, begin, end, kind)] in milliseconds from the first op)"""
    events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    names = {e["tid"]: e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    ops = [(e["tid"], e["ts"] / 1e3, (e["ts"] + e["dur"]) / 1e3,
            "head and loss" if e["cat"] in TILES_OF_HEAD else e["cat"]) for e in events if e["ph"] == "X"]
    start = min(begin for _, begin, _, _ in ops)
    return names, sorted((lane, begin - start, end - start, kind) for lane, begin, end, kind in ops)


def merged(ops, pixel):
    """Neighbours of one kind that lie less than half a pixel apart are drawn as one."""
    bars = []
    for lane, begin, end, kind in ops:
        if bars and bars[-1][0] == lane and bars[-1][3] == kind and begin - bars[-1][2] < pixel / 2:
            bars[-1][2] = max(bars[-1][2], end)
        else:
            bars.append([lane, begin, end, kind])
    return bars


def tick_step(length):
    step = 1.0
    while length / step > 12:
        step *= 2 if str(step)[0] in "15" else 2.5
    return step


def draw(names, ops, title):
    length = max(end for _, _, end, _ in ops)
    scale = (WIDTH - LEFT - 20) / length
    lanes = sorted({lane for lane, _, _, _ in ops})
    height = TOP + ROW * len(lanes) + 60
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
           f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
           f'<text x="{LEFT}" y="26" font-size="16">{html.escape(title)}</text>']
    bottom = TOP + ROW * len(lanes)
    step, at = tick_step(length), 0.0
    while at <= length:
        x = LEFT + at * scale
        out.append(f'<path d="M{x:.1f} {TOP - 8}V{bottom}" stroke="#ddd"/>'
                   f'<text x="{x:.1f}" y="{TOP - 12}" text-anchor="middle" fill="#666">{at / 1e3:g} s</text>')
        at += step
    busy = {lane: sum(end - begin for l, begin, end, _ in ops if l == lane) for lane in lanes}
    for row, lane in enumerate(lanes):
        y = TOP + row * ROW
        out.append(f'<text x="{LEFT - 10}" y="{y + 16}" text-anchor="end">{html.escape(names[lane])}</text>'
                   f'<text x="{LEFT - 10}" y="{y + 30}" text-anchor="end" fill="#666" font-size="11">'
                   f'{busy[lane] / length:.0%} busy</text>')
        for _, begin, end, kind in (b for b in merged(ops, 1 / scale) if b[0] == lane):
            out.append(f'<rect x="{LEFT + begin * scale:.2f}" y="{y}" width="{max((end - begin) * scale, 0.3):.2f}" '
                       f'height="{BAR}" fill="{COLOURS.get(kind, OTHER)}"/>')
    x = LEFT
    for kind in [k for k in COLOURS if any(op[3] == k for op in ops)]:
        out.append(f'<rect x="{x}" y="{bottom + 22}" width="14" height="14" fill="{COLOURS[kind]}"/>'
                   f'<text x="{x + 20}" y="{bottom + 34}">{kind}</text>')
        x += 44 + 7 * len(kind)
    return "\n".join([*out, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--title", default="A training step")
    arguments = parser.parse_args()
    names, ops = read_lanes(arguments.trace)
    arguments.output.write_text(draw(names, ops, arguments.title), encoding="utf-8")


if __name__ == "__main__":
    main()
