//! Debian's Chromium without a screen, led through its own protocol over two pipes (`--remote-debugging-pipe`:
//! JSON objects, each with a zero byte behind it).

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::running::PATIENCE;

/// Where pictures are put, for people to look at.
pub(super) fn gallery() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("status-page");
    fs::create_dir_all(&place).unwrap();
    place
}

/// How a page is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) width: u32,
    pub(super) dark: bool,
    pub(super) script: bool,
}

impl View {
    /// A phone's width, and a desk's.
    pub(super) const PHONE: Self = Self::of(360);
    pub(super) const DESK: Self = Self::of(1280);

    const fn of(width: u32) -> Self {
        Self {
            width,
            dark: false,
            script: true,
        }
    }

    pub(super) const fn dark(self) -> Self {
        Self { dark: true, ..self }
    }

    pub(super) const fn without_script(self) -> Self {
        Self {
            script: false,
            ..self
        }
    }
}

/// A browser with one page. Dropping it ends it.
pub(super) struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    events: VecDeque<Value>,
    session: Option<String>,
    last: u64,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts it.
    pub(super) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let profile_flag = format!("--user-data-dir={}", profile.path().display());
        // The pipes are descriptors 3 and 4; what else it has to say is of no interest.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1",
                "sh",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-extensions",
                "--no-first-run",
                "--hide-scrollbars",
                "--remote-debugging-pipe",
            ])
            .arg(profile_flag)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh starts");
        let to = child.stdin.take().unwrap();
        let mut pipe = BufReader::new(child.stdout.take().unwrap());
        let (sender, from) = channel();
        thread::spawn(move || {
            let mut message = Vec::new();
            while pipe.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                message.pop();
                let parsed = serde_json::from_slice(&message);
                if parsed.is_ok_and(|message| sender.send(message).is_err()) {
                    return;
                }
                message.clear();
            }
        });
        let mut browser = Self {
            child,
            to,
            from,
            events: VecDeque::new(),
            session: None,
            last: 0,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let target = target["targetId"].clone();
        let attach = json!({"targetId": target, "flatten": true});
        let session = browser.call("Target.attachToTarget", &attach)["sessionId"].clone();
        browser.session = session.as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Opens a page, and waits until it is loaded.
    pub(super) fn open(&mut self, url: &str, view: View) {
        let scheme = if view.dark { "dark" } else { "light" };
        for (method, parameters) in [
            (
                "Emulation.setDeviceMetricsOverride",
                json!({"width": view.width, "height": 800, "deviceScaleFactor": 1, "mobile": false}),
            ),
            (
                "Emulation.setEmulatedMedia",
                json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
            ),
            (
                "Emulation.setScriptExecutionDisabled",
                json!({"value": !view.script}),
            ),
        ] {
            self.call(method, &parameters);
        }
        self.events.clear();
        self.call("Page.navigate", &json!({"url": url}));
        self.wait_for_event("Page.loadEventFired");
    }

    /// The value of an expression within the page.
    pub(super) fn value(&mut self, expression: &str) -> Value {
        let parameters =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", &parameters);
        assert!(
            answer.get("exceptionDetails").is_none(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(super) fn wait_until(&mut self, expression: &str) {
        let start = Instant::now();
        while self.value(expression) != true {
            assert!(start.elapsed() < PATIENCE, "never: {expression}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// A picture of the whole page.
    pub(super) fn picture(&mut self, name: &str) {
        let parameters = json!({"format": "png", "captureBeyondViewport": true});
        let data = self.call("Page.captureScreenshot", &parameters)["data"].clone();
        let bytes = openssl::base64::decode_block(data.as_str().unwrap()).unwrap();
        fs::write(gallery().join(name), bytes).unwrap();
    }

    /// What the browser found fault with since the page was opened: errors, refused resources, exceptions.
    pub(super) fn complaints(&mut self) -> Vec<String> {
        // Whatever it wanted to say before this was answered.
        self.value("1");
        let bad = self.events.iter().filter(|event| {
            let entry = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" => true,
                "Runtime.consoleAPICalled" => entry["type"] == "error",
                "Log.entryAdded" => entry["entry"]["level"] != "verbose",
                _ => false,
            }
        });
        bad.map(ToString::to_string).collect()
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.to.write_all(&bytes).expect("chromium runs");
        loop {
            let message = self.next();
            if message["id"] == self.last {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push_back(message);
        }
    }

    fn wait_for_event(&mut self, method: &str) {
        if self.events.iter().any(|event| event["method"] == method) {
            return;
        }
        loop {
            let message = self.next();
            let found = message["method"] == method;
            self.events.push_back(message);
            if found {
                return;
            }
        }
    }

    fn next(&mut self) -> Value {
        let message = self.from.recv_timeout(PATIENCE);
        message.expect("chromium answers; tests/lab/install.sh installs it")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its own children go with it.
        let close = json!({"id": 0, "method": "Browser.close"}).to_string() + "\0";
        let _ = self.to.write_all(close.as_bytes());
        let start = Instant::now();
        while self.child.try_wait().is_ok_and(|status| status.is_none()) {
            if start.elapsed() > Duration::from_secs(10) {
                let _ = self.child.kill();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
