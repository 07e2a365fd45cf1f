// The report's style sheet: one set of colours as variables for light, dark and print.

export const STYLE = `
:root{--ground:#fff;--panel:#f6f7f9;--ink:#16191d;--soft:#5d6773;--line:#e1e5ea;--c1:#2563c9;--c2:#c2541d;--c3:#2c8a57;--c4:#8a4bbf;--c5:#b98a10;--c6:#c03a6b;--up:#2c8a57;--down:#c23b3b;--buy:#1d6fd1;--sell:#d1731d;--good:#1f7a47;--fair:#8a6410;--bad:#b62f2f}
@media (prefers-color-scheme:dark){:root{--ground:#14171b;--panel:#1c2127;--ink:#e6e9ed;--soft:#9aa5b1;--line:#2c333b;--c1:#6ea8fe;--c2:#f0955f;--c3:#63c78f;--c4:#bd93e8;--c5:#e0b94a;--c6:#ec7ba3;--up:#58b985;--down:#ea7171;--buy:#7db5ff;--sell:#ffb066;--good:#63c78f;--fair:#e0b94a;--bad:#ff8a8a}}
@media print{:root{--ground:#fff;--panel:#fff;--ink:#000;--soft:#444;--line:#ccc}nav{display:none}section{break-inside:avoid-page}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:14px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
header,main,footer{max-width:1120px;margin:0 auto;padding:0 24px}
header{padding-top:28px}.brand{margin:0;color:var(--soft);letter-spacing:.08em;text-transform:uppercase;font-size:11px}
h1{margin:2px 0 4px;font-size:26px;font-weight:650;overflow-wrap:anywhere}h2{margin:36px 0 12px;padding-top:16px;border-top:1px solid var(--line);font-size:19px}h3{margin:22px 0 8px;font-size:14px}
header p,footer{color:var(--soft)}footer{padding:24px;font-size:12px}
nav{display:flex;flex-wrap:wrap;gap:4px 16px;margin-top:10px}a{color:var(--c1);text-decoration:none}a:hover{text-decoration:underline}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;margin-top:20px}
.card{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:10px 14px}.card span,.card small{display:block;color:var(--soft)}.card b{font-size:21px;font-weight:650;font-variant-numeric:tabular-nums}
figure{margin:18px 0}figcaption{margin-bottom:4px;font-weight:600}.chart{overflow-x:auto}
.wide{overflow-x:auto;margin:8px 0}table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:4px 12px 4px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}th{color:var(--soft);font-weight:500;white-space:nowrap}td.n,th.n{text-align:right;white-space:nowrap}
code,pre{font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,monospace}pre{overflow-x:auto;background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:10px}
.good{color:var(--good)}.fair{color:var(--fair)}.bad{color:var(--bad)}summary{cursor:pointer;color:var(--soft)}
.vg-tooltip{position:fixed;z-index:9;pointer-events:none;visibility:hidden;background:var(--panel);color:var(--ink);border:1px solid var(--line);border-radius:6px;padding:6px 10px;font:12px/1.4 system-ui,sans-serif;box-shadow:0 2px 10px #0003}
.vg-tooltip.visible{visibility:visible}.vg-tooltip td{border:0;padding:1px 6px 1px 0}.vg-tooltip td.key{color:var(--soft)}
`;
