// Looks at the console in a real browser: node console.js WHAT BASE [MORE]; prints one JSON object.
"use strict";
const { chromium } = require("playwright-core");
const axe = require("axe-core");

const [what, base, ...more] = process.argv.slice(2);
const PATHS = ["/", "/units/press", "/loops/blend", "/loops/blend/explain", "/alarms", "/trends", "/soft", "/material", "/audit", "/health", "/tags", "/tags/LINE.TOTAL_PV"];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

async function watched(browser, options = {}) {
  const page = await (await browser.newContext({ viewport: { width: 1920, height: 1080 }, bypassCSP: Boolean(options.bypass), ...options })).newPage();
  const errors = [];
  page.on("console", (said) => { if (said.type() === "error" || said.type() === "warning") errors.push(said.text()); });
  page.on("pageerror", (error) => errors.push(String(error)));
  return { page, errors };
}

async function pages(browser) {
  const { page, errors } = await watched(browser);
  const found = {};
  for (const path of PATHS) {
    await page.goto(base + path);
    await page.waitForFunction((at) => (document.querySelector('[data-k="cycle"]')?.textContent ?? at) !== at, await page.textContent('[data-k="cycle"]'));
    if (await page.$("[data-chart]")) await page.waitForSelector("[data-chart] .scatterlayer .trace path.js-line", { state: "attached" });
    found[path] = { title: await page.title(), errors: errors.splice(0) };
  }
  return found;
}

async function access(browser) {
  const found = {};
  for (const colorScheme of ["light", "dark"]) {
    const { page } = await watched(browser, { colorScheme, bypass: true });
    for (const path of PATHS) {
      await page.goto(base + path);
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate((values) => window.axe.run({ runOnly: { type: "tag", values } }), RULES);
      const told = violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).slice(0, 3).join(" | ")}`);
      found[`${colorScheme} ${path}`] = told;
    }
  }
  return found;
}

async function alarm(browser) {
  const { page, errors } = await watched(browser);
  await page.goto(`${base}/alarms`);
  await page.waitForSelector('tr.open button[value^="acknowledge "]', { timeout: 60000 });
  const name = await page.getAttribute('tr.open button[value^="acknowledge "]', "aria-label");
  await page.fill('#attend [name="why"]', "seen at the console");
  await page.click('tr.open button[value^="acknowledge "]');
  await page.waitForSelector("text=seen at the console");
  const state = await page.textContent('[data-h="standing"], [data-h="past"]');
  return { name, state, flag: await page.getAttribute('[data-k="n1"]', "data-s"), errors };
}

async function mode(browser) {
  const { page, errors } = await watched(browser);
  await page.goto(`${base}/loops/blend`);
  const before = await page.textContent("dl [data-k='m.blend']");
  await page.fill('section.orders form:first-of-type [name="why"]', "end of the trial");
  await page.click('button[value="off"]');
  await page.waitForFunction(() => document.querySelector("dl [data-k='m.blend']")?.textContent === "OFF");
  await page.waitForSelector("text=end of the trial");
  return { before, after: await page.textContent("dl [data-k='m.blend']"), errors };
}

// Tells on standard error when it looks, so that the console can be ended and begun again meanwhile.
async function restart(browser) {
  const { page } = await watched(browser);
  await page.goto(`${base}/`);
  await page.waitForFunction(() => (document.querySelector('[data-k="cycle"]')?.textContent ?? "0") !== "0");
  process.stderr.write("looking\n");
  const down = await page.evaluate(() => new Promise((resolve) => {
    const banner = document.getElementById("stale");
    let last = performance.now();
    let text = document.querySelector('[data-k="cycle"]')?.textContent;
    setInterval(() => {
      const now = document.querySelector('[data-k="cycle"]')?.textContent;
      if (now !== text) [text, last] = [now, performance.now()];
      if (!banner.hidden) resolve((performance.now() - last) / 1000);
    }, 20);
  }));
  process.stderr.write("stale\n");
  await page.waitForFunction(() => document.getElementById("stale").hidden && !document.body.classList.contains("stale"), undefined, { timeout: 30000 });
  const text = await page.textContent('[data-k="cycle"]');
  await page.waitForFunction((at) => (document.querySelector('[data-k="cycle"]')?.textContent ?? at) !== at, text);
  return { stale_s: down };
}

// How long a change takes from the server to the screen, and what a page weighs.
async function weigh(browser) {
  const { page } = await watched(browser);
  const found = {};
  for (const path of more[0].split(",")) {
    let bytes = 0;
    const count = (answer) => { bytes += Number(answer.headers()["content-length"] ?? 0); };
    page.on("response", count);
    await page.goto(base + path, { waitUntil: "load" });
    page.off("response", count);
    found[path] = bytes;
  }
  return found;
}

async function pixel(browser) {
  const { page } = await watched(browser);
  await page.goto(`${base}/tags`);
  await page.waitForTimeout(1500);
  return page.evaluate((count) => new Promise((resolve) => {
    const seen = [];
    const cell = document.querySelector('[data-k="cycle"]');
    new MutationObserver(() => {
      requestAnimationFrame(() => requestAnimationFrame(() => {
        seen.push([Number(cell.textContent), Date.now() / 1000]);
        if (seen.length >= count) resolve(seen);
      }));
    }).observe(cell, { childList: true, characterData: true, subtree: true });
  }), Number(more[0]));
}

async function main() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  try {
    const found = await { pages, access, alarm, mode, restart, weigh, pixel }[what](browser);
    process.stdout.write(JSON.stringify(found));
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
