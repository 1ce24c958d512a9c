//! The server's chain and our own certificates, with the days that each has left.

use maud::{Markup, html};

use super::date;
use crate::check::Status;
use crate::monitor::judge::ends;
use crate::monitor::page::icons;
use crate::monitor::snapshot::{CertificateStatus, OwnCertificate, Place, TargetStatus, Urgency};

/// As many days make a full bar.
const FULL: i64 = 90;

/// The certificates of a target.
pub(super) fn render(index: usize, target: &TargetStatus) -> Markup {
    html! {
        section.panel.wide aria-labelledby={ "chain-" (index) } {
            h3 id={ "chain-" (index) } { "Certificates" }
            @if target.chain.is_empty() && target.own_certificates.is_empty() {
                p.muted { "None was seen." }
            } @else {
                ul.chain {
                    @for certificate in &target.chain { (served(certificate)) }
                    @for certificate in &target.own_certificates { (own(certificate)) }
                }
            }
        }
    }
}

fn served(certificate: &CertificateStatus) -> Markup {
    html! {
        li {
            (row(place(certificate.place), certificate.days_left, certificate.urgency, &certificate.not_after))
            p.subject { (certificate.subject) }
            p.small.muted {
                (certificate.key)
                @if !certificate.names.is_empty() { " · for " (certificate.names.join(", ")) }
            }
        }
    }
}

fn own(certificate: &OwnCertificate) -> Markup {
    let what = if certificate.variable == "WA_DB_SSL_CERT" {
        "Our certificate"
    } else {
        "Our trusted CA"
    };
    html! {
        li {
            (row(what, certificate.days_left, certificate.urgency, &certificate.not_after))
            p.small.muted { "In " code { (certificate.variable) } @if certificate.variable != "WA_DB_SSL_CERT" { ", the first to end" } }
        }
    }
}

fn row(what: &str, days_left: i64, urgency: Urgency, not_after: &str) -> Markup {
    let (class, sign) = match urgency {
        Urgency::None => ("none", None),
        Urgency::Soon => ("soon", Some(Status::Warn)),
        Urgency::Now | Urgency::Over => ("now", Some(Status::Failed)),
    };
    let filled = days_left.clamp(0, FULL) * 100 / FULL;
    html! {
        p.ends.(class) {
            span.what { (what) }
            span.days {
                @if let Some(sign) = sign { (icons::light(sign)) }
                @if urgency == Urgency::None { (days_left) " days left" } @else { (ends(days_left)) }
                " " span.muted { "(" time datetime=(not_after) { (date(not_after)) } ")" }
            }
        }
        svg.bar.(class) viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect.track width="100" height="4" {}
            rect.left width=(filled) height="4" {}
        }
    }
}

fn place(place: Place) -> &'static str {
    match place {
        Place::Server => "Server",
        Place::Intermediate => "Intermediate CA",
        Place::Root => "Root CA",
    }
}
