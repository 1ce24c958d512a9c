//! From options of the legacy string to variables: takes over what has a meaning here, refuses what
//! would weaken, warns of the rest by name.

use super::parse::{Opt, options};
use super::{Meaning, meaning, nearest};
use crate::endpoint::Engine;
use crate::settings::fault::{Fault, Report};
use crate::settings::shown_path::{PEM, oddity};
use crate::settings::variables as var;

/// The security level of TLS 1.3 alone.
const MODERN: &str = "MODERN";

/// What `sslmode` or `SSL_MODE` asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::settings) enum Mode {
    /// Chain and name.
    Full,
    /// The chain alone.
    Chain,
    /// TLS; the chain where a CA is given.
    Require,
}

/// The mode that counts, and the option that set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::settings) struct LegacyMode {
    pub(in crate::settings) mode: Mode,
    pub(in crate::settings) option: String,
}

/// One option as the variable that does the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::settings) struct Item {
    pub(in crate::settings) variable: &'static str,
    pub(in crate::settings) value: String,
    pub(in crate::settings) option: String,
}

/// What the string comes to.
#[derive(Debug, Default)]
pub(in crate::settings) struct Translation {
    /// Variables to set, each once; of several options for one variable the last counts.
    pub(in crate::settings) items: Vec<Item>,
    /// The last mode named.
    pub(in crate::settings) mode: Option<LegacyMode>,
    pub(in crate::settings) report: Report,
    /// The option that named the system's store, which demands full verification.
    system: Option<String>,
    /// The first option that asked for less than full verification.
    weaker: Option<String>,
}

/// Translates the whole string.
pub(in crate::settings) fn translate(text: &str, engine: Option<Engine>) -> Translation {
    let mut translation = Translation::default();
    // The lines of a key would be read as the names of options, and those are shown.
    if text.contains(PEM) {
        translation.fault(
            "holds PEM text in place of a path",
            "write the text into a file and give that file's path",
        );
        return translation;
    }
    for (index, option) in options(text, engine).iter().enumerate() {
        match meaning(&option.name) {
            Some(meaning) => translation.take(option, meaning),
            None => translation.warn(unknown(option, index)),
        }
    }
    translation.refuse_weaker_beside_system();
    translation
}

/// An unknown name is told only when it has the form of a name and a value after it, or of one of
/// MySQL's flags: anything else may be the tail of a password that holds a semicolon.
fn unknown(option: &Opt, index: usize) -> String {
    let name = &option.name;
    let flag = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    let is_flag = name.starts_with("CLIENT_") && name.bytes().all(flag);
    let plain = (option.value.is_some() || is_flag)
        && (1..=40).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match nearest(name) {
        Some(near) if plain => {
            format!("the option {name} is not known and has no effect; did you mean {near}?")
        }
        None if plain => format!("the option {name} is not known and has no effect"),
        Some(near) => {
            format!(
                "item {} is not known and has no effect; did you mean {near}?",
                index + 1
            )
        }
        None => format!("item {} is not known and has no effect", index + 1),
    }
}

impl Translation {
    fn take(&mut self, option: &Opt, meaning: Meaning) {
        let name = option.name.as_str();
        // An empty value means unset here as everywhere; a bare name is a flag.
        let value = option.value.as_deref().filter(|value| !value.is_empty());
        match meaning {
            Meaning::LocalFiles => self.local_files(option),
            Meaning::Already(what) => self.already(name, value, what),
            Meaning::NoEffect(why) => self.warn(format!("{name} has no effect: {why}")),
            Meaning::SetInstead(variable) => {
                self.warn(format!("{name} has no effect: set {variable}"));
            }
            _ => match value {
                Some(value) => self.take_value(name, value, meaning),
                None if option.value.is_none() => {
                    self.warn(format!("{name} has no effect, because it has no value"));
                }
                None => {}
            },
        }
    }

    fn take_value(&mut self, name: &str, value: &str, meaning: Meaning) {
        match meaning {
            // libpq 16: the word for the system's store, and with it for full verification.
            Meaning::File(var::SSL_CA) if value == "system" => {
                self.system = Some(name.to_owned());
                self.set_mode(Mode::Full, name);
                self.warn(format!(
                    "{name}=system is the default, when {} is unset",
                    var::SSL_CA
                ));
            }
            Meaning::File(variable) => self.file(variable, value, name),
            Meaning::Revocation => self.revocation(value, name),
            Meaning::Seconds(variable) => self.seconds(variable, value, name),
            Meaning::Socket if value.starts_with('/') && !value.contains(',') => {
                self.set(var::HOSTNAME, value, name);
            }
            Meaning::Socket => {
                self.fault(
                    format!("{name} is no absolute path"),
                    "give the path of the socket",
                );
            }
            Meaning::SslMode => self.ssl_mode(value, name),
            Meaning::RequireSsl => self.require_ssl(value, name),
            Meaning::TlsVersions => self.tls_versions(value, name),
            Meaning::LowestTlsVersion => self.lowest_tls_version(value, name),
            Meaning::Word(variable, words) => {
                if let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(value)) {
                    self.set(variable, word, name);
                } else {
                    let known = words.join(", ");
                    self.warn(format!(
                        "{name} has no effect: its value is none of {known}"
                    ));
                }
            }
            Meaning::LocalFiles
            | Meaning::Already(_)
            | Meaning::SetInstead(_)
            | Meaning::NoEffect(_) => {}
        }
    }

    fn file(&mut self, variable: &'static str, value: &str, name: &str) {
        match oddity(value) {
            // The item is not set, since what is no path may be a secret.
            Some((what, hint)) => self.fault(format!("{name} {what}"), hint),
            None => self.set(variable, value, name),
        }
    }

    /// File and directory may stand side by side in the string, and the variable takes one: to leave
    /// the other out would accept what it revokes.
    fn revocation(&mut self, value: &str, name: &str) {
        let mut items = self.items.iter();
        let other = items.find(|item| item.variable == var::SSL_CRL && item.value != value);
        match other.map(|item| item.option.clone()) {
            None => self.file(var::SSL_CRL, value, name),
            Some(other) => self.fault(
                format!("{other} and {name} both name revocation lists"),
                "put the lists into one file or one hashed directory, and name only that",
            ),
        }
    }

    fn ssl_mode(&mut self, value: &str, name: &str) {
        // Qt's own words are `SSL_MODE_REQUIRED` and so on.
        let word = value.to_ascii_lowercase().replace('_', "-");
        let word = word.strip_prefix("ssl-mode-").unwrap_or(&word);
        match word {
            "verify-full" | "verify-identity" => self.set_mode(Mode::Full, name),
            "verify-ca" => self.set_mode(Mode::Chain, name),
            "require" | "required" => self.set_mode(Mode::Require, name),
            "disable" | "disabled" | "allow" | "prefer" | "preferred" => self.fault(
                format!("{name}={word} would let the connection fall back to plaintext"),
                "remove the option: TLS is always required",
            ),
            _ => self.fault(
                format!("{name} has a value that is not known"),
                "write verify-full or VERIFY_IDENTITY, or remove the option: both is the default",
            ),
        }
    }

    fn require_ssl(&mut self, value: &str, name: &str) {
        match value {
            "1" => self.already(name, Some(value), "TLS is required"),
            "0" => self.fault(
                format!("{name}=0 would let the connection fall back to plaintext"),
                "remove the option: TLS is always required",
            ),
            _ => self.fault(format!("{name} is neither 0 nor 1"), "remove the option"),
        }
    }

    fn tls_versions(&mut self, value: &str, name: &str) {
        let has = |wanted| value.split(',').any(|one| version(one) == Some(wanted));
        match (has(2), has(3)) {
            (false, false) => self.fault(
                format!("{name} names no version from TLS 1.2 on, and none below is spoken"),
                "remove the option, and let the server speak TLS 1.2 or 1.3",
            ),
            (false, true) => self.set(var::SECURITY_LEVEL, MODERN, name),
            (true, _) => self.warn(format!(
                "{name} has no effect: TLS 1.2 is the least, and the highest both sides know is used"
            )),
        }
    }

    fn lowest_tls_version(&mut self, value: &str, name: &str) {
        match version(value) {
            Some(3) => self.set(var::SECURITY_LEVEL, MODERN, name),
            Some(_) => self.already(name, Some(value), "TLS 1.2 is the least"),
            None => self.fault(format!("{name} names no TLS version"), "remove the option"),
        }
    }

    fn local_files(&mut self, option: &Opt) {
        let name = &option.name;
        let value = option.value.as_deref().map(str::to_ascii_lowercase);
        if matches!(value.as_deref(), Some("" | "0" | "false" | "off" | "no")) {
            self.already(
                name,
                value.as_deref(),
                "no local file is ever sent to the server",
            );
        } else {
            self.fault(
                format!("{name} would let the server read any file of this machine"),
                "remove the option; load files with the server's own means",
            );
        }
    }

    fn seconds(&mut self, variable: &'static str, value: &str, name: &str) {
        let digits = value.strip_prefix('-').unwrap_or(value);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            self.fault(
                format!("{name} is no number of seconds"),
                "write a whole number",
            );
        } else if value.starts_with('-') || digits.bytes().all(|byte| byte == b'0') {
            self.warn(format!(
                "{name} asks for no limit, and there always is one: set {variable} where the \
                 default is too short"
            ));
        } else {
            self.set(variable, value, name);
        }
    }

    fn already(&mut self, name: &str, value: Option<&str>, what: &str) {
        let no =
            |word: &str| ["0", "false", "off", "no"].contains(&word.to_ascii_lowercase().as_str());
        let how = if value.is_some_and(no) {
            "whatever it says"
        } else {
            "in any case"
        };
        self.warn(format!("{name} has no effect: {what} {how}"));
    }

    fn set(&mut self, variable: &'static str, value: &str, option: &str) {
        let item = Item {
            variable,
            value: value.to_owned(),
            option: option.to_owned(),
        };
        match self
            .items
            .iter()
            .position(|other| other.variable == variable)
        {
            Some(place) => {
                let before = std::mem::replace(&mut self.items[place], item);
                self.warn(format!(
                    "{option} wins over {}, which stands before it",
                    before.option
                ));
            }
            None => self.items.push(item),
        }
    }

    fn set_mode(&mut self, mode: Mode, option: &str) {
        if mode != Mode::Full && self.weaker.is_none() {
            self.weaker = Some(option.to_owned());
        }
        self.mode = Some(LegacyMode {
            mode,
            option: option.to_owned(),
        });
    }

    /// The rule of libpq 16, whatever the order of the two: the system's store holds every public
    /// CA, so that without the name nothing would be verified.
    fn refuse_weaker_beside_system(&mut self) {
        if let (Some(system), Some(weaker)) = (self.system.take(), self.weaker.take()) {
            self.set_mode(Mode::Full, &system);
            self.fault(
                format!(
                    "{weaker} asks for less than full verification, which {system}=system demands"
                ),
                "remove both: the system's store and full verification are the default",
            );
        }
    }

    fn fault(&mut self, what: impl AsRef<str>, hint: &str) {
        let message = format!("{}: {}", var::CONNECTION_OPTION, what.as_ref());
        self.report
            .fault(Fault::invalid(var::CONNECTION_OPTION, message, hint));
    }

    fn warn(&mut self, what: impl AsRef<str>) {
        let message = format!("{}: {}", var::CONNECTION_OPTION, what.as_ref());
        self.report.warn(var::CONNECTION_OPTION, message);
    }
}

/// The minor version of a TLS version's name: `TLSv1.2` is 2, `TLSv1` is 0.
fn version(text: &str) -> Option<u8> {
    match text.trim().to_ascii_lowercase().as_str() {
        "tlsv1" | "tlsv1.0" => Some(0),
        "tlsv1.1" => Some(1),
        "tlsv1.2" => Some(2),
        "tlsv1.3" => Some(3),
        _ => None,
    }
}
