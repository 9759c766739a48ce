// SPDX-License-Identifier: GPL-3.0-or-later
// Prints the Khronos validator's report on each file named, one JSON a line.
"use strict";
const fs = require("fs");
const validator = require("gltf-validator");

(async () => {
  for (const file of process.argv.slice(2)) {
    const report = await validator.validateBytes(new Uint8Array(fs.readFileSync(file)), { maxIssues: 0 });
    process.stdout.write(JSON.stringify(report) + "\n");
  }
})();
