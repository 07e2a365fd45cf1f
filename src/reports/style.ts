// The report's style sheet: one set of colours as variables for light, dark and print.

const LIGHT =
  '--ground:#fff;--panel:#f7f8fa;--ink:#16191d;--soft:#59636e;--line:#dde2e8;--grid:#edf0f3;--c1:#2563c9;--c2:#c2541d;--c3:#23814f;--c4:#8a4bbf;--c5:#9a7206;--c6:#c03a6b;--h1:#7b8794;--h2:#a08a6d;--h3:#8c7f9e;--up:#23814f;--down:#c23b3b;--buy:#1d6fd1;--sell:#c2651d;--good:#1f7a47;--fair:#8a6410;--bad:#b62f2f';
const DARK =
  '--ground:#14171b;--panel:#1b2026;--ink:#e6e9ed;--soft:#a3adb8;--line:#333b44;--grid:#232930;--c1:#6ea8fe;--c2:#f0955f;--c3:#63c78f;--c4:#bd93e8;--c5:#e0b94a;--c6:#ec7ba3;--h1:#8d99a6;--h2:#b39c7c;--h3:#a091b5;--up:#4fb37e;--down:#ea7171;--buy:#7db5ff;--sell:#ffb066;--good:#63c78f;--fair:#e0b94a;--bad:#ff8a8a';

export const STYLE = `
:root{color-scheme:light dark;${LIGHT}}
@media screen and (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
html{scroll-padding-top:52px}
body{margin:0;background:var(--ground);color:var(--ink);font:14px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
header,main,footer,nav>div{max-width:1120px;margin:0 auto;padding:0 24px}
header{padding-top:26px;padding-bottom:10px}.brand{margin:0;color:var(--soft);letter-spacing:.08em;text-transform:uppercase;font-size:11px}
h1{margin:2px 0 4px;font-size:26px;line-height:1.25;font-weight:650;overflow-wrap:anywhere}h2{margin:40px 0 14px;padding-top:18px;border-top:1px solid var(--line);font-size:19px}h3{margin:26px 0 8px;font-size:14px}
header p{margin:0;color:var(--soft);overflow-wrap:anywhere}footer{padding-top:28px;padding-bottom:28px;color:var(--soft);font-size:12px}
nav{position:sticky;top:0;z-index:5;background:var(--ground);border-bottom:1px solid var(--line)}nav>div{display:flex;flex-wrap:wrap;gap:4px 18px;padding-top:9px;padding-bottom:9px;white-space:nowrap}
a{color:var(--c1);text-decoration:none}a:hover{text-decoration:underline}a:focus-visible,summary:focus-visible{outline:2px solid var(--c1);outline-offset:2px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:10px;margin-top:20px}
.card{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:10px 14px}.card span,.card small{display:block;color:var(--soft)}.card small{line-height:1.35}.card b{display:block;margin:1px 0 3px;font-size:20px;line-height:1.3;font-weight:650;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
figure{margin:20px 0;min-width:0}figcaption{display:flex;flex-wrap:wrap;gap:0 12px;align-items:baseline;margin-bottom:4px;font-weight:600}figcaption small{color:var(--soft);font-weight:400}
figcaption output{color:var(--soft);font:12px/1.4 ui-monospace,SFMono-Regular,Menlo,monospace;white-space:pre-wrap}
.chart{position:relative;overflow-x:auto;overflow-y:hidden}.chart>svg{display:block;width:100%;min-width:640px;height:auto;max-width:max-content}.chart>div>svg{display:block;touch-action:pan-y}
.hair{position:absolute;top:0;bottom:24px;width:1px;background:var(--soft);opacity:.55;pointer-events:none}
.wide{overflow-x:auto;margin:8px 0}table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:4px 14px 4px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}td{max-width:38em;overflow-wrap:break-word}.k{white-space:nowrap}td.w{min-width:15em}th{color:var(--soft);font-weight:500;white-space:nowrap}td.n,th.n{text-align:right;white-space:nowrap}tbody tr:hover{background:var(--panel)}
th.group{padding-top:14px;color:var(--ink)}.figures td:first-child{max-width:24em}.side{display:flex;flex-wrap:wrap;gap:0 48px}.figures td small{color:var(--soft);font-size:12px}.heat th{text-align:right;padding-right:8px}.heat td{vertical-align:middle;padding:2px 3px 2px 0;border:0}.heat td span{display:block;min-width:52px;padding:2px 6px;border-radius:3px;text-align:right}
small{font-size:12px}td small{color:var(--soft)}.note,.hint{color:var(--soft);font-size:12.5px;max-width:76em}
code,pre{font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,monospace}.digest{overflow-wrap:anywhere}pre{overflow-x:auto;background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:10px}
.good{color:var(--good)}.fair{color:var(--fair)}.bad{color:var(--bad)}summary{margin:10px 0;cursor:pointer;color:var(--soft)}
.vg-tooltip{position:fixed;z-index:9;max-width:min(420px,90vw);pointer-events:none;visibility:hidden;background:var(--panel);color:var(--ink);border:1px solid var(--line);border-radius:6px;padding:6px 10px;font:12px/1.4 system-ui,sans-serif;box-shadow:0 2px 10px #0003}
.vg-tooltip.visible{visibility:visible}.vg-tooltip td{border:0;padding:1px 6px 1px 0}.vg-tooltip td.key{color:var(--soft);white-space:nowrap}
@media (max-width:640px){header,main,footer,nav>div{padding-left:14px;padding-right:14px}h1{font-size:21px}.cards{grid-template-columns:repeat(auto-fit,minmax(136px,1fr))}.card b{font-size:17px}}
@media print{nav,.hint,.hair,output{display:none}body{font-size:11px}table,small,.note,td small,.figures td small,code,pre{font-size:9.5px}.k{white-space:normal}td.w{min-width:0}td,th{padding-right:8px}header,main,footer{max-width:none;padding:0}.card,figure,tr{break-inside:avoid}h2,h3{break-after:avoid}.chart,.wide{overflow:visible}.chart svg{max-width:100%;min-width:0;height:auto}details::details-content{display:block;content-visibility:visible}pre{white-space:pre-wrap;overflow-wrap:anywhere}}
`;
