//! Text that a server or a certificate brings along stays text.

use wa_db_lab::pki::{Ca, Leaf};
use wa_db_lab::server::{Engine, Server, ServerOptions};

use super::browser::{Browser, View};
use super::running::Monitor;
use crate::support::{text, with};

const HOSTILE: &str =
    "<script>document.title='owned'</script><img src=x onerror=alert(1)>\u{1b}[2J\u{202e}";

#[test]
fn markup_and_controls_in_a_certificate_are_shown_and_do_nothing() {
    let ca = Ca::root("</ul><h1>owned</h1>");
    let hostile = ca.issue(&Leaf::server().cn(HOSTILE));
    let server = Server::start(Engine::Postgres, ServerOptions::tls(&hostile));
    let ca_file = server.file("ca.pem", ca.cert_pem());
    let variables = with(
        &server.env(),
        [("WA_DB_SSL_CA", text(&ca_file)), ("WA_DB_SSL_VERIFY", "0")],
    );
    let mut monitor = Monitor::start("webapp", &["--interval", "1s"], &variables);
    let status = monitor.wait_until("degraded");
    let subject = status["targets"][0]["chain"][0]["subject"]
        .as_str()
        .unwrap();
    assert!(
        subject.contains("<script>") && subject.contains("\\u{1b}"),
        "{subject}"
    );
    for path in ["/", "/status.json", "/metrics", "/readyz"] {
        let body = monitor.ask(path).body;
        let bad = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!body.contains(bad), "{path}");
    }
    let page = monitor.ask("/").body;
    assert_eq!(page.matches("<script").count(), 1, "our own");
    assert!(!page.contains("<img") && page.matches("<h1").count() == 1);
    let mut browser = Browser::start();
    browser.open(&format!("http://{}/", monitor.address()), View::PHONE);
    browser.picture("hostile-360.png");
    let title = browser.value("document.title");
    assert!(title.as_str().unwrap().starts_with("Attention"), "{title}");
    assert_eq!(browser.value("document.images.length"), 0);
    assert_eq!(browser.value("document.scripts.length"), 1);
    let overflow = browser.value("document.documentElement.scrollWidth - innerWidth");
    assert!(overflow.as_i64() <= Some(0), "{overflow}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
