//! Files and servers as text: one block for each, the faults on stderr.

use std::io;

use super::{ShowReport, ShownFile};
use crate::certs::{Described, DescribedKey};
use crate::cli::chains::{self, Presented};
use crate::cli::printer::{Paint, Printer};
use crate::cli::text::validity;
use crate::tls::CertificateFacts;

/// Prints what was read and seen.
pub(in crate::cli::certs) fn print(
    report: &ShowReport,
    printer: &mut Printer<'_>,
) -> io::Result<()> {
    let mut is_first = true;
    let mut apart = |printer: &mut Printer<'_>| {
        if std::mem::take(&mut is_first) {
            Ok(())
        } else {
            printer.end()
        }
    };
    for file in report.files.iter().filter(|file| file.error.is_none()) {
        apart(printer)?;
        of_file(file, printer)?;
    }
    for (roles, target) in chains::grouped(&report.servers) {
        if target.chain.is_empty() {
            continue;
        }
        apart(printer)?;
        chains::heading(&roles, target, printer)?;
        for seen in &target.chain {
            of_presented(seen, printer)?;
        }
    }
    Ok(())
}

/// Prints what could not be read, or is not to be trusted.
pub(in crate::cli::certs) fn faults(
    report: &ShowReport,
    printer: &mut Printer<'_>,
) -> io::Result<()> {
    for error in report.files.iter().filter_map(|file| file.error.as_ref()) {
        printer.fault("", error.message(), error.hint())?;
    }
    chains::faults(&report.servers, printer)
}

fn of_file(file: &ShownFile, printer: &mut Printer<'_>) -> io::Result<()> {
    printer.put(Paint::Strong, &file.path)?;
    printer.end()?;
    for certificate in &file.content.certificates {
        of_certificate(certificate, printer)?;
    }
    match &file.content.key {
        Some(key) => of_key(key, printer),
        None => Ok(()),
    }
}

fn of_certificate(certificate: &Described, printer: &mut Printer<'_>) -> io::Result<()> {
    printer.line(&format!("  {}", subject(&certificate.facts)))?;
    facts(&certificate.facts, printer)?;
    fact("for", &purpose(certificate), printer)?;
    fact("serial", &certificate.serial, printer)?;
    fact(
        "pin",
        certificate
            .pin
            .as_deref()
            .unwrap_or("none: its key cannot be read"),
        printer,
    )
}

fn of_presented(seen: &Presented, printer: &mut Printer<'_>) -> io::Result<()> {
    let paint = if seen.verified {
        Paint::Good
    } else {
        Paint::Bad
    };
    printer.put(Paint::Plain, &format!("  {}  ", subject(&seen.certificate)))?;
    printer.put(paint, chains::mark(seen))?;
    printer.end()?;
    facts(&seen.certificate, printer)?;
    fact(
        "pin",
        seen.pin
            .as_deref()
            .unwrap_or("none: its key cannot be read"),
        printer,
    )
}

fn of_key(key: &DescribedKey, printer: &mut Printer<'_>) -> io::Result<()> {
    let kind = if key.private { "private" } else { "public" };
    printer.line(&format!("  {kind} key, {}", key.key))?;
    fact("pin", &key.pin, printer)
}

fn facts(certificate: &CertificateFacts, printer: &mut Printer<'_>) -> io::Result<()> {
    fact("issued by", &certificate.issuer, printer)?;
    if !certificate.names.is_empty() {
        fact("names", &certificate.names.join(", "), printer)?;
    }
    fact("valid", &validity(certificate), printer)?;
    fact(
        "key",
        &format!("{}, signed {}", certificate.key, certificate.signature),
        printer,
    )
}

fn subject(certificate: &CertificateFacts) -> &str {
    match certificate.subject.as_str() {
        "" => "no subject",
        subject => subject,
    }
}

/// What it may be used for.
pub(in crate::cli::certs) fn purpose(certificate: &Described) -> String {
    if certificate.ca {
        return match &certificate.limits[..] {
            [] => "issuing certificates".to_owned(),
            limits => format!("issuing certificates for {}", limits.join(", ")),
        };
    }
    match &certificate.purposes[..] {
        [] => "nothing in particular".to_owned(),
        purposes => purposes
            .iter()
            .map(|purpose| format!("{purpose}s"))
            .collect::<Vec<_>>()
            .join(" and "),
    }
}

fn fact(name: &str, value: &str, printer: &mut Printer<'_>) -> io::Result<()> {
    printer.put(Paint::Faint, &format!("      {name:<11}"))?;
    printer.put(Paint::Plain, value)?;
    printer.end()
}
