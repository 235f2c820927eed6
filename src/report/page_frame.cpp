#include "page_frame.h"

namespace longhaul {

// Colours c0 to c7 are told apart by most eyes in both schemes. On narrow screens the text of
// charts grows, since charts shrink with the page.
const char* const kPageStyle = R"css(
:root { color-scheme: light dark;
  --page: #fbfbfa; --card: #ffffff; --text: #1c1c1a; --faint: #6b6b66; --line: #dededa;
  --c0: #2a78d6; --c1: #eb6834; --c2: #1baf7a; --c3: #d99a00; --c4: #d9639a; --c5: #008300;
  --c6: #5b4bc4; --c7: #e34948; --c8: #9a9a94; }
@media (prefers-color-scheme: dark) { :root {
  --page: #161615; --card: #1f1f1d; --text: #ecebe7; --faint: #a3a29b; --line: #3a3a37;
  --c0: #4a95ee; --c1: #e87038; --c2: #23b583; --c3: #d99a1c; --c4: #dc6795; --c5: #3aa53a;
  --c6: #9a90ee; --c7: #ea6e6d; --c8: #7d7d77; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 20px 16px 48px; }
h1 { font-size: 1.5rem; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0 0 10px; }
h3 { font-size: .95rem; margin: 0 0 2px; font-weight: 600; overflow-wrap: anywhere; }
p { margin: 4px 0 10px; }
.faint { color: var(--faint); }
section, .tile { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
section { padding: 14px 16px; margin-top: 16px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 10px;
  margin-top: 14px; }
.tile { padding: 8px 12px; }
.tile b { display: block; font-size: 1.25rem; font-weight: 600; }
.tile span { color: var(--faint); font-size: .85rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr));
  gap: 18px; }
figure { margin: 0; min-width: 0; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--faint); font-size: 12px; }
svg text.strong { fill: var(--text); }
.grid { stroke: var(--line); stroke-width: 1; }
.axis { stroke: var(--faint); stroke-width: 1; }
.limit { stroke: var(--c7); stroke-width: 1.5; stroke-dasharray: 6 3; fill: none; }
.arena { stroke: var(--faint); stroke-width: 1.2; stroke-dasharray: 3 3; fill: none; }
.cursor { stroke: var(--faint); stroke-dasharray: 2 2; }
polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
polyline.faded { opacity: .35; stroke-width: 1; }
)css"
                               R"css(
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); }
.c4 { --c: var(--c4); } .c5 { --c: var(--c5); } .c6 { --c: var(--c6); } .c7 { --c: var(--c7); }
.c8 { --c: var(--c8); }
polyline { stroke: var(--c); } circle, path.fill { fill: var(--c); }
path.area { fill: var(--c); fill-opacity: .35; stroke: var(--c); stroke-width: 1; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: .85rem; margin: 2px 0 4px; }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 3px;
  background: var(--c); margin-right: 5px; vertical-align: -1px; }
.run { margin-top: 16px; font-weight: 600; }
.wide { overflow-x: auto; }
.wide > svg { min-width: 920px; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 12px; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th:first-child { text-align: left; padding-left: 0; }
thead th { color: var(--faint); font-weight: 500; white-space: nowrap; }
tbody th { font-weight: 500; }
table.text th { white-space: nowrap; }
td { white-space: nowrap; }
table.text td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.bar { display: block; height: 8px; border-radius: 2px; background: var(--c); margin: 3px 0;
  min-width: 1px; }
td.bars { width: 45%; min-width: 140px; }
table.full { width: 100%; }
pre { overflow-x: auto; font-size: .82rem; line-height: 1.4; margin: 8px 0; }
ul { margin: 4px 0; padding-left: 20px; }
summary { cursor: pointer; padding: 3px 0; }
#tip { position: fixed; pointer-events: none; background: var(--card); color: var(--text);
  border: 1px solid var(--line); border-radius: 6px; padding: 5px 9px; font-size: .82rem;
  box-shadow: 0 2px 8px rgba(0,0,0,.18); max-width: 320px; z-index: 1; }
@media (max-width: 560px) { .charts svg text { font-size: 15px; } section { padding: 12px 10px; }
  th, td { padding: 4px 8px; } }
@media print { section { break-inside: avoid; } }
)css";

// The values under the pointer. A chart says in data-scale how its points map to values:
// "x0 x1 y0 y1 left right bottom top log".
const char* const kPageScript = R"js(
const tip = document.getElementById('tip');
const shown = v => Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-3)
  ? v.toExponential(3) : String(+v.toPrecision(5));
for (const svg of document.querySelectorAll('svg[data-scale]')) {
  const [x0, x1, y0, y1, left, right, bottom, top, log] = svg.dataset.scale.split(' ').map(Number);
  const toX = px => x0 + (px - left) / (right - left) * (x1 - x0);
  const toY = px => {
    const share = (px - bottom) / (top - bottom);
    return log ? y0 * Math.pow(y1 / y0, share) : y0 + share * (y1 - y0);
  };
  const curves = [...svg.querySelectorAll('[data-name]')].map(g => {
    const line = g.querySelector('polyline');
    const points = line
      ? line.getAttribute('points').trim().split(/\s+/).map(p => p.split(',').map(Number))
      : [...g.querySelectorAll('circle')].map(c => [+c.getAttribute('cx'), +c.getAttribute('cy')]);
    return {name: g.dataset.name, color: g.getAttribute('class'), points};
  }).filter(c => c.points.length);
  const cursor = svg.querySelector('.cursor');
  svg.addEventListener('pointermove', event => {
    const box = svg.getBoundingClientRect();
    const px = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
    const nearest = points => points.reduce(
      (a, b) => Math.abs(b[0] - px) < Math.abs(a[0] - px) ? b : a);
    const hits = curves.map(c => ({...c, at: nearest(c.points)}));
    if (!hits.length) return;
    const at = nearest(hits.map(h => h.at));
    cursor.setAttribute('x1', at[0]);
    cursor.setAttribute('x2', at[0]);
    cursor.removeAttribute('visibility');
    tip.replaceChildren();
    const line = (text, color) => {
      const row = document.createElement('div');
      row.className = 'legend';
      const mark = document.createElement('i');
      mark.className = color;
      if (color) row.append(mark);
      row.append(text);
      tip.append(row);
    };
    line(svg.dataset.x + ' ' + shown(toX(at[0])), '');
    for (const h of hits)
      if (Math.abs(h.at[0] - at[0]) < (right - left) / 20) line(h.name + ' ' + shown(toY(h.at[1])), h.color);
    tip.hidden = false;
    const room = window.innerWidth - tip.offsetWidth - 8;
    tip.style.left = Math.max(4, Math.min(event.clientX + 14, room)) + 'px';
    tip.style.top = Math.min(event.clientY + 14, window.innerHeight - tip.offsetHeight - 8) + 'px';
  });
  svg.addEventListener('pointerleave', () => {
    tip.hidden = true;
    cursor.setAttribute('visibility', 'hidden');
  });
}
)js";

}  // namespace longhaul
