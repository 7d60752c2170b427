"""The style sheet of a report: light and dark, a desk, a telephone, and paper."""

SHEET = """
:root { --paper: #fbfaf7; --card: #ffffff; --ink: #1c262e; --soft: #56626c; --rule: #e2dfd6; --slow: #f9ece6;
  --p0: #0a6c70; --p1: #b0520c; --p2: #6a4c9c; --p3: #50616d; --demand: #5c7f9e; --area: #dbe6ee; --plan: #2f8f5b;
  --grave: #b3261e; --warm: #96600a; --call: #8a3b86; --best: #e3f1ee; --on: #ffffff; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --paper: #12171b; --card: #192025; --ink: #e4e9ec; --soft: #a0adb6;
  --rule: #2c363d; --slow: #2a1f1c; --p0: #52c9c3; --p1: #f2a765; --p2: #bda5ee; --p3: #9db0bd; --demand: #86a9c8;
  --area: #22313d; --plan: #6fce98; --grave: #ff9a8f; --warm: #e9bd62; --call: #e3a0dc; --best: #17332f;
  --on: #12171b; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 40px 28px 56px; max-width: 1100px; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
.brand { margin: 0 0 10px; color: var(--p0); font-weight: 600; }
h1 { margin: 0; max-width: 34em; font: 400 27px/1.35 ui-serif, Georgia, "Times New Roman", serif; text-wrap: pretty; }
.about, .note, footer { color: var(--soft); font-size: 14px; overflow-wrap: anywhere; }
.about { margin: 14px 0 28px; }
h2 { margin: 0; font-size: 18px; font-weight: 600; }
section, figure.chart { margin: 0 0 22px; padding: 20px 24px 16px; background: var(--card);
  border: 1px solid var(--rule); border-radius: 10px; }
section:empty { display: none; }
figcaption p { margin: 2px 0 0; color: var(--soft); font-size: 14px; }
table { width: 100%; border-collapse: collapse; }
caption { padding: 0 0 10px; text-align: left; color: var(--soft); font-size: 14px; }
th, td { padding: 7px 10px; text-align: left; vertical-align: top; border-top: 1px solid var(--rule); }
thead th, thead td { border-top: 0; font-size: 14px; font-weight: 600; }
.words, li { overflow-wrap: anywhere; }
.words { min-width: 8em; }
.when { min-width: 7em; font-variant-numeric: tabular-nums; }
.figures td, .figures thead th { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.figures tbody th { font-weight: 400; }
.figures td.best { background: var(--best); }
.figures td.best b::before { content: "✓ "; color: var(--p0); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.dot { display: inline-block; width: 10px; height: 10px; margin-right: 6px; border-radius: 50%;
  background: currentColor; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 8px 0 4px; padding: 0; list-style: none;
  font-size: 14px; }
.key { margin-right: 7px; vertical-align: 0; }
.plot { display: block; width: calc(100% - 44px); margin: 6px 8px 0 36px; overflow: visible; font-size: 12px; }
.plot text { fill: var(--soft); font-variant-numeric: tabular-nums; }
.plot .x { text-anchor: middle; }
.plot .y { text-anchor: end; }
.plot .limit-name { fill: var(--grave); }
.grid { stroke: var(--rule); }
.tick { stroke: var(--soft); }
.slow { fill: var(--slow); }
.limit { stroke: var(--grave); stroke-width: 1.5; stroke-dasharray: 2 3; }
.line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.area { fill: var(--area); stroke: none; }
.p0 { color: var(--p0); } .p1 { color: var(--p1); } .p2 { color: var(--p2); } .p3 { color: var(--p3); }
.demand { color: var(--demand); } .plan { color: var(--plan); }
.line.p0 { stroke-width: 2.5; } .line.p1 { stroke-dasharray: 7 3; } .line.p2 { stroke-dasharray: 3 2; }
.line.plan { stroke-dasharray: 1.5 3; } .line.demand { stroke-width: 1.25; }
.cursor { display: none; stroke: var(--soft); pointer-events: none; }
.mark, .kind { color: var(--soft); }
.mark.plan, .kind.plan { color: var(--plan); }
.mark.alarm, .kind.alarm { color: var(--warm); }
.mark.fault, .kind.fault, .mark.broken, .kind.broken { color: var(--grave); }
.mark.mount, .kind.mount { color: var(--p0); }
.mark.call, .kind.call { color: var(--call); }
.mark line { stroke: currentColor; opacity: .35; stroke-dasharray: 2 3; }
.mark rect { fill: var(--card); stroke: currentColor; stroke-width: 1.25; }
.plot .mark text { fill: currentColor; font-size: 11.5px; font-weight: 600; text-anchor: middle; }
.mark:hover rect, .mark:focus rect { fill: currentColor; }
.plot .mark:hover text, .plot .mark:focus text { fill: var(--on); }
.narrow { display: none; }
.timeline { font-size: 15px; }
.timeline td { overflow-wrap: anywhere; }
.timeline .n { width: 3em; color: var(--soft); font-variant-numeric: tabular-nums; }
.timeline .at { white-space: nowrap; font-variant-numeric: tabular-nums; padding-right: 16px; }
.timeline .what { width: 46%; } .timeline .why { color: var(--soft); }
.timeline tr.plan, .timeline tr.demand { color: inherit; }
.timeline tr.broken .what { font-weight: 600; }
.timeline tr:target { background: var(--best); }
.kind { display: inline-block; min-width: 5.2em; font-size: 13px; font-weight: 600; }
.tip { display: none; position: absolute; z-index: 1; padding: 6px 10px; background: var(--ink); color: var(--paper);
  border-radius: 6px; font-size: 13px; white-space: pre; pointer-events: none; font-variant-numeric: tabular-nums; }
@media (max-width: 640px) {
  body { padding: 22px 12px 36px; font-size: 15px; }
  h1 { font-size: 21px; }
  section, figure.chart { padding: 14px 12px 10px; }
  .plain, .plain thead th { font-size: 12.5px; } .plain th, .plain td { padding: 6px 4px; }
  .plain .words { min-width: 7em; } .plain .when { min-width: 5.6em; }
  .odd, .wide { display: none; } .narrow { display: inline; }
  .figures { font-size: 12.5px; } .figures th, .figures td { padding: 6px 4px; } .figures thead th { font-size: 12px; }
  .figures thead th, .figures tbody th { white-space: normal; } .dot { display: block; margin: 0 0 2px auto; }
  .timeline, .timeline tbody { display: block; } .timeline caption { display: block; }
  .timeline thead { display: none; }
  .timeline tr { display: grid; grid-template-columns: 2.4em 1fr; padding: 8px 0; border-top: 1px solid var(--rule); }
  .timeline td { padding: 1px 4px; border: 0; } .kind { min-width: 0; margin-right: .5em; }
  .timeline .what, .timeline .why { grid-column: 2; width: auto; }
}
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --rule: #ccc; --slow: #f6eeea; --p0: #0a6c70;
    --p1: #b0520c; --p2: #6a4c9c; --demand: #5c7f9e; --area: #dbe6ee; --plan: #2f8f5b; --best: #eef5f3; --on: #fff; }
  body { padding: 0; max-width: none; font-size: 12px; }
  section, figure.chart { padding: 8px 0; border: 0; }
  figure.chart, tr { break-inside: avoid; }
  .tip, .cursor { display: none; }
}
"""
