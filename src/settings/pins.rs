//! `WA_DB_SSL_PINS`: keys that a server's chain must hold one of, [`PinSet`].

use std::fmt;

use openssl::base64;
use openssl::sha::sha256;

use super::fault::Fault;

/// SHA-256 of a key's SubjectPublicKeyInfo in DER (RFC 7469, section 2.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin([u8; 32]);

impl Pin {
    /// The pin with this hash.
    pub const fn from_sha256(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The pin of a SubjectPublicKeyInfo in DER.
    pub fn of_spki(der: &[u8]) -> Self {
        Self(sha256(der))
    }

    /// The hash in base64, as `spki_sha256` of a certificate shows it.
    pub fn to_base64(self) -> String {
        base64::encode_block(&self.0)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256/{}", self.to_base64())
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Several pins, at least one, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinSet(Vec<Pin>);

impl PinSet {
    /// The pins, in the order in which they were written.
    pub fn pins(&self) -> &[Pin] {
        &self.0
    }

    /// Whether a pin is one of these.
    pub fn contains(&self, pin: Pin) -> bool {
        self.0.contains(&pin)
    }

    /// Parses a list of pins, each `sha256/…` or RFC 7469's `pin-sha256="…"`, with `;` or `,`
    /// between them. `variable` is what holds the list.
    ///
    /// # Errors
    /// Every item that is no pin, by its place. Its text is not shown: it may be meant for another
    /// variable.
    pub fn parse(variable: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let mut pins = Vec::new();
        let mut faults = Vec::new();
        for (index, item) in text.split([';', ',']).map(str::trim).enumerate() {
            match pin(item) {
                Ok(pin) if pins.contains(&pin) => {}
                Ok(pin) => pins.push(pin),
                Err(what) => faults.push(Fault::invalid(
                    variable,
                    format!("{variable}: item {} {what}", index + 1),
                    "write each pin as sha256/ and 44 characters of base64, with ; or , between pins: `wa-db pins` prints it",
                )),
            }
        }
        if faults.is_empty() {
            Ok(Self(pins))
        } else {
            Err(faults)
        }
    }
}

impl fmt::Display for PinSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pin) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(";")?;
            }
            write!(f, "{pin}")?;
        }
        Ok(())
    }
}

fn pin(item: &str) -> Result<Pin, &'static str> {
    if item.is_empty() {
        return Err("is empty");
    }
    let hash = strip(item, "sha256/")
        .or_else(|| strip(item, "pin-sha256=").map(unquoted))
        .ok_or("does not begin with sha256/ or pin-sha256=")?;
    let decoded = base64::decode_block(hash).unwrap_or_default();
    let hash_bytes = <[u8; 32]>::try_from(decoded)
        .map_err(|_| "is not the 44 characters of base64 that a SHA-256 has")?;
    let pin = Pin(hash_bytes);
    // The decoder passes over white space and missing or stray bits; one hash has one spelling.
    if pin.to_base64() == hash {
        Ok(pin)
    } else {
        Err("is not the base64 of a SHA-256 as it is written")
    }
}

/// What follows a prefix, in whose letters case does not count.
fn strip<'a>(item: &'a str, prefix: &str) -> Option<&'a str> {
    let start = item.get(..prefix.len())?;
    start
        .eq_ignore_ascii_case(prefix)
        .then(|| &item[prefix.len()..])
}

/// Shells take the quotes away, env-files leave them.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const PIN: &str = "d6qzRu9zOECb90Uez27xWltNsj0e1Md7GkYYkVoZWmM=";
    const OTHER: &str = "E9CZ9INDbd+2eRQozYqqbQ2yXLVKB9+xcprMF+44U1g=";

    fn parse(text: &str) -> Result<PinSet, Vec<Fault>> {
        PinSet::parse("WA_DB_SSL_PINS", text)
    }

    #[test]
    fn both_spellings_and_both_separators_are_read() {
        for text in [
            format!("sha256/{PIN};sha256/{OTHER}"),
            format!("sha256/{PIN},sha256/{OTHER}"),
            format!(" SHA256/{PIN} ; pin-sha256=\"{OTHER}\" "),
            format!("pin-sha256=\"{PIN}\"; pin-sha256=\"{OTHER}\""),
            format!("Pin-SHA256={PIN},pin-sha256={OTHER}"),
            format!("sha256/{PIN};sha256/{PIN};sha256/{OTHER}"),
        ] {
            let set = parse(&text).unwrap();
            let pins: Vec<_> = set.pins().iter().map(|pin| pin.to_base64()).collect();
            assert_eq!(pins, [PIN, OTHER], "{text}");
        }
    }

    #[test]
    fn one_bad_pin_spoils_the_list_and_is_told_by_its_place_and_not_by_its_text() {
        let short = &PIN[..43];
        for bad in [
            String::new(),
            "hunter2".to_owned(),
            PIN.to_owned(),
            "sha256/".to_owned(),
            format!("sha1/{PIN}"),
            format!("sha256/{short}"),
            format!("sha256/{PIN}="),
            format!("sha256//{PIN}"),
            format!("sha256/ {PIN}"),
            format!("sha256/{}", PIN.replace('u', "_")),
            // The same hash with stray bits after its end.
            format!("sha256/{}", PIN.replace("mM=", "mN=")),
            format!("sha256/{}", &"A".repeat(44)),
            format!("sha256=\"{PIN}\""),
            format!("pin-sha256=\"{PIN}"),
            format!("pin-sha256='{PIN}'"),
            "sha256/ünïcode".to_owned(),
        ] {
            let faults = parse(&format!("sha256/{OTHER};{bad}")).unwrap_err();
            assert_eq!(faults.len(), 1, "{bad}");
            let message = &faults[0].message;
            assert!(
                message.starts_with("WA_DB_SSL_PINS: item 2 "),
                "{bad}: {message}"
            );
            assert!(!message.contains("hunter2"));
        }
        let faults = parse(&format!("x;sha256/{PIN};")).unwrap_err();
        assert_eq!(faults.len(), 2);
    }

    proptest! {
        #[test]
        fn a_printed_set_is_read_back_as_it_was(
            hashes in prop::collection::vec(any::<[u8; 32]>(), 1..6),
            quoted in any::<bool>(),
        ) {
            let pins: Vec<_> = hashes.into_iter().map(Pin::from_sha256).collect();
            let text = pins
                .iter()
                .map(|pin| if quoted {
                    format!("pin-sha256=\"{}\"", pin.to_base64())
                } else {
                    pin.to_string()
                })
                .collect::<Vec<_>>()
                .join(", ");
            let set = parse(&text).unwrap();
            prop_assert!(pins.iter().all(|pin| set.contains(*pin)));
            prop_assert!(set.pins().iter().all(|pin| pins.contains(pin)));
            prop_assert_eq!(parse(&set.to_string()).unwrap(), set);
        }

        #[test]
        fn a_pin_with_one_character_changed_is_another_pin_or_none(
            hash in any::<[u8; 32]>(),
            place in 0..44_usize,
            new in "[A-Za-z0-9+/= -]",
        ) {
            let pin = Pin::from_sha256(hash);
            let mut text = pin.to_base64();
            text.replace_range(place..=place, &new);
            let changed = text != pin.to_base64();
            if let Ok(set) = parse(&format!("sha256/{text}")) {
                prop_assert_eq!(set.contains(pin), !changed);
            } else {
                prop_assert!(changed);
            }
        }

        #[test]
        fn any_text_gives_pins_or_faults(text in "[^\0]{0,80}") {
            match parse(&text) {
                Ok(set) => prop_assert!(!set.pins().is_empty()),
                Err(faults) => prop_assert!(!faults.is_empty()),
            }
        }
    }
}
