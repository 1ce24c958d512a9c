//! The status page in a real browser: what is shown, at two widths, light and dark, with and without script.

use serde_json::Value;
use wa_db_lab::pki::{Ca, Leaf, Validity};
use wa_db_lab::server::{Engine, Server, ServerOptions, TestServers};

use super::browser::{Browser, View};
use super::lab::{lab, strict, trusting};
use super::running::Monitor;
use crate::support::with;

/// Text that is too pale for its ground (WCAG 2.1, 1.4.3), as the browser computes both.
const TOO_PALE: &str = r"(() => {
  const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const part = (c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
      if (colour[3] !== 0) throw new Error('a half transparent ground');
    }
    return [255, 255, 255];
  };
  const pale = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !one.checkVisibility() || one.closest('svg, script, noscript, .unseen')) continue;
    const style = getComputedStyle(one);
    const [a, b] = [light(parse(style.color)), light(ground(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) pale.push(`${ratio.toFixed(2)} ${walker.currentNode.data}`);
  }
  return pale;
})()";

/// What somebody who cannot see the page would miss.
const UNTOLD: &str = r"(() => {
  const untold = [];
  const need = (holds, what) => { if (!holds) untold.push(what); };
  need(document.documentElement.lang === 'en', 'language');
  need(document.querySelectorAll('main').length === 1, 'one main');
  need(document.querySelectorAll('h1').length === 1, 'one h1');
  let level = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3, h4')) {
    const next = Number(heading.tagName[1]);
    need(next <= level + 1, `a level is left out before ${heading.textContent}`);
    level = next;
  }
  for (const drawn of document.querySelectorAll('svg')) {
    need(drawn.getAttribute('aria-hidden') === 'true' || drawn.getAttribute('aria-label'), 'a drawing without words');
  }
  for (const part of document.querySelectorAll('[aria-labelledby]')) {
    need(document.getElementById(part.getAttribute('aria-labelledby')), 'a label that is not there');
  }
  for (const stage of document.querySelectorAll('.stages li')) {
    need(/passed|failed|not run/.test(stage.textContent), `a light by colour alone: ${stage.textContent}`);
  }
  const shapes = new Set();
  for (const sign of document.querySelectorAll('.sign')) {
    shapes.add(`${sign.classList[1]} ${sign.querySelector('.mark').getAttribute('d')}`);
  }
  need(new Set([...shapes].map((one) => one.split(' ')[0])).size === shapes.size, 'a state of two signs');
  need(new Set([...shapes].map((one) => one.slice(one.indexOf(' ')))).size === shapes.size, 'a sign of two states');
  return untold;
})()";

/// Everything that must hold of any page, in every view; a picture of each is kept.
fn assert_good(browser: &mut Browser, url: &str, name: &str) {
    for (view, view_name) in [
        (View::PHONE, "360"),
        (View::DESK, "1280"),
        (View::PHONE.dark(), "360-dark"),
        (View::DESK.dark(), "1280-dark"),
        (View::DESK.without_script(), "1280-no-script"),
    ] {
        browser.open(url, view);
        let overflow = browser.value("document.documentElement.scrollWidth - innerWidth");
        assert!(overflow.as_i64() <= Some(0), "{name} {view:?}: {overflow}");
        let none = Value::Array(Vec::new());
        assert_eq!(browser.value(TOO_PALE), none, "{name} {view:?}");
        assert_eq!(browser.value(UNTOLD), none, "{name} {view:?}");
        let styled = browser.value("getComputedStyle(document.querySelector('.stages')).display");
        assert_eq!(styled, "grid", "the style is not applied");
        browser.picture(&format!("{name}-{view_name}.png"));
        assert_eq!(
            browser.complaints(),
            Vec::<String>::new(),
            "{name} {view:?}"
        );
    }
}

fn url(monitor: &Monitor) -> String {
    format!("http://{}/", monitor.address())
}

fn words(browser: &mut Browser, selector: &str) -> String {
    let expression =
        format!("[...document.querySelectorAll('{selector}')].map(e => e.innerText).join('|')");
    browser.value(&expression).as_str().unwrap().to_owned()
}

#[test]
fn healthy_page_says_so_at_a_glance() {
    let variables = lab().variables(Engine::Postgres);
    let mut monitor = Monitor::start("both", &["--interval", "1s"], &variables);
    monitor.wait_until("healthy");
    monitor.wait_for_audits();
    let mut browser = Browser::start();
    assert_good(&mut browser, &url(&monitor), "healthy");
    browser.open(&url(&monitor), View::DESK);
    let title = browser.value("document.title");
    assert_eq!(
        title,
        "Healthy: Both connections are healthy – wa-db monitor"
    );
    assert_eq!(words(&mut browser, "h1"), "Both connections are healthy");
    assert_eq!(words(&mut browser, ".badge"), "Healthy|Healthy");
    let lights = words(&mut browser, "#target-0 .stages .name");
    assert_eq!(
        lights,
        "settings|resolve|connect|TLS|authenticate|session|pool"
    );
    assert_eq!(
        browser.value("document.querySelectorAll('.stages .ok').length"),
        14
    );
    assert!(words(&mut browser, "#target-0 .chain").contains("days left"));
    let figure = words(&mut browser, "#target-0 .figure");
    assert!(
        figure.ends_with(" ms") || figure.ends_with(" s"),
        "{figure}"
    );
}

#[test]
fn degraded_page_says_what_needs_attention() {
    let ca = Ca::root("wa-db lab root");
    let middle = ca.intermediate("wa-db lab issuing CA");
    let leaf = TestServers::leaf().validity(Validity::days(20));
    let server = Server::start(Engine::MariaDb, ServerOptions::tls(&middle.issue(&leaf)));
    let other = Ca::root("another root");
    let variables = with(&trusting(&server, &other), [("WA_DB_SSL_VERIFY", "0")]);
    let mut monitor = Monitor::start("webapp", &["--interval", "1s"], &variables);
    monitor.wait_until("degraded");
    monitor.wait_for_audits();
    let mut browser = Browser::start();
    assert_good(&mut browser, &url(&monitor), "degraded");
    browser.open(&url(&monitor), View::PHONE);
    assert_eq!(
        words(&mut browser, "h1"),
        "The connection works and needs attention"
    );
    let reason = words(&mut browser, ".reason");
    assert!(
        reason.starts_with("Not verified, and would fail with certificate_untrusted"),
        "{reason}"
    );
    let chain = words(&mut browser, ".chain");
    assert!(chain.contains("expires in 20 days"), "{chain}");
    assert!(chain.contains("Intermediate CA"), "{chain}");
    let warning = words(&mut browser, ".callout.degraded");
    assert!(
        warning.contains("whoever answers at its address"),
        "{warning}"
    );
    let title = browser.value("document.title");
    assert!(
        title.as_str().unwrap().starts_with("Attention: "),
        "{title}"
    );
}

#[test]
fn failing_page_says_what_failed_and_what_to_do() {
    let ca = Ca::root("wa-db lab root");
    let wrong = ca.issue(&Leaf::server().cn("other.lab").dns("other.lab"));
    let server = Server::start(Engine::MySql, ServerOptions::tls(&wrong));
    let mut monitor = Monitor::start("both", &["--interval", "1s"], &trusting(&server, &ca));
    monitor.wait_until("failing");
    monitor.wait_for_audits();
    let mut browser = Browser::start();
    assert_good(&mut browser, &url(&monitor), "failing");
    browser.open(&url(&monitor), View::DESK);
    assert_eq!(words(&mut browser, "h1"), "Both connections fail");
    let error = words(&mut browser, "#target-0 .callout.failing");
    assert!(error.contains("TLS: hostname_mismatch"), "{error}");
    assert!(error.contains("What to do: "), "{error}");
    let stages = browser.value(
        "[...document.querySelectorAll('#target-0 .stages li')].map(e => e.className).join()",
    );
    assert_eq!(stages, "ok,ok,ok,failed,skipped,skipped,skipped");
    // What was seen before it failed is shown.
    assert!(words(&mut browser, "#target-0 .chain").contains("CN=other.lab"));
    server.stop();
    let refused = "document.body.innerText.includes('connection_refused')";
    browser.wait_until(refused);
}

#[test]
fn page_keeps_itself_fresh_and_says_when_nobody_answers() {
    let ca = Ca::root("wa-db lab root");
    let certificate = ca.issue(&TestServers::leaf());
    let server = Server::start(Engine::Postgres, strict(&certificate));
    let mut monitor = Monitor::start("webapp", &["--interval", "1s"], &trusting(&server, &ca));
    monitor.wait_until("healthy");
    let mut browser = Browser::start();
    browser.open(&url(&monitor), View::DESK);
    // What stays if the page was not loaded anew, and what somebody has opened.
    browser.value("(window.kept = true, document.querySelector('details.more').open = true)");
    server.stop();
    browser.wait_until("document.title.startsWith('Failing')");
    server.resume();
    browser.wait_until("document.title.startsWith('Healthy')");
    assert_eq!(browser.value("window.kept"), true);
    assert_eq!(
        browser.value("document.querySelector('details.more').open"),
        true
    );
    let announced = browser.value("document.getElementById('announcement').textContent");
    assert_eq!(announced, "The connection is healthy");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    drop(monitor);
    browser.wait_until("!document.getElementById('offline').hidden");
}

#[test]
fn page_without_script_refreshes_itself_too() {
    let variables = lab().variables(Engine::Postgres);
    let mut monitor = Monitor::start("webapp", &["--interval", "1s"], &variables);
    monitor.wait_until("healthy");
    let mut browser = Browser::start();
    browser.open(&url(&monitor), View::PHONE.without_script());
    let refresh = browser.value("document.querySelector('meta[http-equiv=refresh]')?.content");
    assert_eq!(refresh, "30");
    browser.open(&url(&monitor), View::PHONE);
    let refresh = browser.value("document.querySelector('meta[http-equiv=refresh]') === null");
    assert_eq!(
        refresh, true,
        "with script it would lose the reader's place"
    );
}
