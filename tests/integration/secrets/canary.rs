//! Secrets that are known, in every form in which they could slip out.

use openssl::base64::encode_block;
use wa_db_lab::pki::Key;

/// What must not be found anywhere.
#[derive(Clone, Default)]
pub(super) struct Canaries(Vec<(&'static str, Vec<u8>)>);

impl Canaries {
    /// A secret that is a text.
    pub(super) fn text(mut self, name: &'static str, secret: &str) -> Self {
        assert!(
            secret.len() >= 8,
            "{name} is too short to be told from chance"
        );
        self.0.push((name, secret.as_bytes().to_vec()));
        self
    }

    /// A private key: its number, and the body of its PEM file.
    pub(super) fn key(mut self, key: &Key) -> Self {
        let number = key.pkey().ec_key().expect("the lab's keys are EC keys");
        self.0.push((
            "the number of the private key",
            number.private_key().to_vec(),
        ));
        let pem = key.pkcs8_pem();
        for line in pem.lines().filter(|line| !line.contains("-----")) {
            // The first bytes say only what kind of key it is.
            let tail = &line[line.len().saturating_sub(32)..];
            self.0
                .push(("the body of the private key", tail.as_bytes().to_vec()));
        }
        self
    }

    /// Fails if any of them stands in `text`, as it is or written in another way.
    pub(super) fn absent_from(&self, place: &str, text: &[u8]) {
        let lower = text.to_ascii_lowercase();
        for (name, secret) in &self.0 {
            for (form, needle) in forms(secret) {
                let hay = if form == "hex" { &lower[..] } else { text };
                assert!(
                    !contains(hay, &needle),
                    "{place} shows {name} ({form}):\n{}",
                    String::from_utf8_lossy(text)
                );
            }
        }
    }
}

/// A secret as it is, in hex, in Base64 at each of the three places it can begin, and as the
/// numbers that `Debug` makes of bytes.
fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let digits = secret.iter().map(|byte| format!("{byte:02x}"));
    let hex = digits.fold(String::new(), |hex, digits| hex + &digits);
    let numbers: Vec<_> = secret.iter().take(8).map(ToString::to_string).collect();
    let mut forms = vec![
        ("as it is", secret.to_vec()),
        ("hex", hex.into_bytes()),
        ("numbers", numbers.join(", ").into_bytes()),
        ("numbers", numbers.join(",").into_bytes()),
    ];
    for shift in 0..3 {
        let padded = [&[0; 2][..shift], secret].concat();
        let encoded = encode_block(&padded);
        // Characters that also depend on what stands before or after the secret say nothing.
        let first = [0, 2, 3][shift];
        let last = padded.len() / 3 * 4;
        forms.push(("Base64", encoded.as_bytes()[first..last].to_vec()));
    }
    forms
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn canary_is_found_in_every_form() {
    let canaries = Canaries::default().text("a word", "canary-5f1c9a");
    let shown = [
        "so canary-5f1c9a it is".to_owned(),
        "63616e6172792d356631633961".to_owned(),
        "63616E6172792D356631633961".to_owned(),
        encode_block(b"canary-5f1c9a"),
        encode_block(b"app:canary-5f1c9a!"),
        encode_block(b"\0app\0canary-5f1c9a"),
        encode_block(b"\0apps\0canary-5f1c9a"),
        format!("{:?}", b"canary-5f1c9a"),
        format!("{:?}", b"canary-5f1c9a".to_vec()),
    ];
    for text in shown {
        let found = std::panic::catch_unwind(|| canaries.absent_from("a test", text.as_bytes()));
        assert!(found.is_err(), "not found in {text}");
    }
    canaries.absent_from("a test", b"canary-5f1c9 canary 63616e617279");
}
