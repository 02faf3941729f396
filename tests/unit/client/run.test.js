// Runs the page's tests in node: GOLDEN=bytes.json node --test

import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { tests } from "./all.js";

const golden = JSON.parse(readFileSync(process.env.GOLDEN, "utf8"));
for (const [name, cases] of Object.entries(tests(golden))) {
  suite(name, () => {
    for (const [what, run] of Object.entries(cases)) test(what, run);
  });
}
