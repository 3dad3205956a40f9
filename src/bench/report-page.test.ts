import { expect, test } from "vitest";
import { reportPage } from "./report-page.ts";

const page = reportPage({
  title: "A <b>report</b>",
  facts: { cpu: "Some & Other", threads: 2 },
  sections: [
    {
      heading: "Rates <1>",
      blocks: [
        { kind: "text", text: "What was <i>done</i>." },
        {
          kind: "table",
          rows: [
            ["NAME", "TOKENS/S"],
            ["<u>mine</u>", "219 [214 .. 223]"],
          ],
        },
        {
          kind: "plot",
          plot: {
            title: "A plot",
            x: { label: "x" },
            y: { label: "y" },
            series: [{ name: "s", points: [{ x: 1, y: 2 }] }],
          },
        },
      ],
    },
  ],
});

test("has the facts, each section with its blocks in order", () => {
  expect(page).toContain("<dt>cpu</dt><dd>Some &amp; Other</dd>\n<dt>threads</dt><dd>2</dd>");
  expect(page).toContain('<th>NAME</th><th class="number">TOKENS/S</th>');
  expect(page).toContain('<td>&lt;u&gt;mine&lt;/u&gt;</td><td class="number">219 [214 .. 223]</td>');
  const order = ["<h1>", "<dl>", "<h2>Rates &lt;1&gt;</h2>", "<p>What", "<table>", "<svg"].map((at) =>
    page.indexOf(at),
  );
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  expect(order[0]).toBeGreaterThan(0);
});

test("needs nothing from elsewhere and runs nothing", () => {
  expect(page).not.toMatch(/<script|<link|<img|<b>|<i>|src=|@import|url\(/);
  expect(page.match(/https?:\/\/[^"]+/g)).toEqual(["http://www.w3.org/2000/svg"]);
  expect(page).toContain("default-src 'none'");
});
