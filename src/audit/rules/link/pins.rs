//! Whether the server's key is pinned, and another beside it.

use crate::audit::evidence::Evidence;
use crate::audit::rule::{Observation, Rule};
use crate::audit::severity::Severity;

pub(super) const NONE: Rule = Rule {
    id: "link-no-pins",
    title: "no key of the server's chain is pinned",
    severity: Severity::Low,
    also: &[],
    why: "A CA vouches for whomever it issues a certificate to. A pin of the server's key, or of its CA's, holds even \
          where a CA was deceived or broken into.",
    fix: "Set WA_DB_SSL_PINS to the line that 'wa-db pins' prints, with the pin of a backup key behind it.",
    look: none,
};

fn none(seen: &Evidence<'_>) -> Vec<Observation> {
    let tls = seen.settings.tls();
    if seen.is_local() || tls.pins.is_some() {
        return Vec::new();
    }
    let evidence = match tls.pins_report_only {
        None => "WA_DB_SSL_PINS is not set",
        Some(_) => {
            "WA_DB_SSL_PINS_REPORT_ONLY is set, which refuses nobody, and WA_DB_SSL_PINS is not"
        }
    };
    let verified = seen.link.as_ref().map(|link| link.verified.pins());
    let leaf = verified.and_then(|pins| pins.first().copied().flatten());
    let fix = match leaf {
        Some(pin) => format!(
            "set WA_DB_SSL_PINS={pin}, which is the server's own key, with the pin of a backup key behind it (wa-db pins --from-key FILE)"
        ),
        None => "set WA_DB_SSL_PINS to the line that 'wa-db pins' prints".to_owned(),
    };
    vec![Observation::new(evidence, fix)]
}

pub(super) const NO_BACKUP: Rule = Rule {
    id: "link-no-backup-pin",
    title: "no backup key is pinned",
    severity: Severity::Low,
    also: &[],
    why: "Every pinned key is in use. When it is lost or has to be replaced, no service gets in until the pins of all \
          of them are changed.",
    fix: "Make a key that is kept apart from the server, and add its pin, which 'wa-db pins --from-key' prints, to \
          WA_DB_SSL_PINS.",
    look: no_backup,
};

fn no_backup(seen: &Evidence<'_>) -> Vec<Observation> {
    let (Some(pins), Some(link)) = (&seen.settings.tls().pins, &seen.link) else {
        return Vec::new();
    };
    let in_chain = [link.served.pins(), link.verified.pins()].concat();
    let in_use = |pin: &&crate::settings::Pin| in_chain.contains(&Some(**pin));
    // A server that matches none of them is not looked at further, and tells nothing.
    if pins.pins().iter().filter(in_use).count() < pins.pins().len() {
        return Vec::new();
    }
    let count = pins.pins().len();
    let evidence = match count {
        1 => "the one pin of WA_DB_SSL_PINS is in the server's chain".to_owned(),
        _ => format!("all {count} pins of WA_DB_SSL_PINS are in the server's chain"),
    };
    let fix = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out backup.key; add the pin that 'wa-db pins --from-key backup.key' prints to WA_DB_SSL_PINS; keep the key apart from the server";
    vec![Observation::new(evidence, fix)]
}
