//! The pins of keys that lie in files.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::check::ErrorReport;
use crate::cli::args::{FileArgs, Format, PinSourceArgs};
use crate::cli::exit::{self, Exit};
use crate::cli::printer::{self, Paint, Printer};
use crate::cli::scope;
use crate::code::Stage;
use crate::settings::{SecretFile, SettingsError, Warning};
use crate::tls::file_pins::{self, FilePin};

const KEY_PASSWORD: &str = "WA_DB_SSL_KEY_PASSWORD_FILE";
const IDENTITY: &str = "WA_DB_IDENTITY_FILE";

/// What kind of file to take pins from.
pub(super) enum Source<'a> {
    Key(&'a Path),
    Request(&'a Path),
    Certificates(&'a Path),
}

impl<'a> Source<'a> {
    /// The file that the flags name, if any.
    pub(super) fn of(args: &'a PinSourceArgs) -> Option<Self> {
        let key = args.key.as_deref().map(Self::Key);
        let request = args.request.as_deref().map(Self::Request);
        let certificates = args.certificates.as_deref().map(Self::Certificates);
        key.or(request).or(certificates)
    }
}

/// Prints the pins of a file.
pub(super) fn run(source: &Source<'_>, file: &FileArgs, format: Format) -> Exit {
    let (pins, warning, error) = match read(source, file) {
        Ok((pins, warning)) => (pins, warning, None),
        Err(error) => (Vec::new(), None, Some(ErrorReport::from(&error))),
    };
    let exit_code = error.as_ref().map_or(0, |_| Stage::Settings.exit_code());
    let printed = printer::to_stdout(|printer| match format {
        Format::Text => print(&pins, printer),
        Format::Json => printer.json(&FileReport {
            version: 1,
            ok: error.is_none(),
            exit_code,
            pins: pins.iter().map(PinReport::from).collect(),
            error: error.as_ref(),
        }),
    });
    printer::to_stderr(|printer| {
        if let Some(warning) = warning {
            printer.labelled("", Paint::Caution, "warning", &warning.message)?;
        }
        match error.filter(|_| format == Format::Text) {
            Some(error) => {
                printer.fault("", error.message(), error.hint())?;
                let mut others = error.others().iter();
                others.try_for_each(|other| printer.fault("", &other.message, &other.hint))
            }
            None => Ok(()),
        }
    });
    exit::printed(printed, Exit::Code(exit_code))
}

/// All that is printed, in the shape of its JSON.
#[derive(Serialize)]
struct FileReport<'a> {
    version: u8,
    ok: bool,
    exit_code: u8,
    pins: Vec<PinReport<'a>>,
    error: Option<&'a ErrorReport>,
}

#[derive(Serialize)]
struct PinReport<'a> {
    pin: String,
    subject: Option<&'a str>,
}

impl<'a> From<&'a FilePin> for PinReport<'a> {
    fn from(found: &'a FilePin) -> Self {
        Self {
            pin: found.pin.to_string(),
            subject: found.subject.as_deref(),
        }
    }
}

fn read(
    source: &Source<'_>,
    file: &FileArgs,
) -> Result<(Vec<FilePin>, Option<Warning>), SettingsError> {
    let read = match source {
        Source::Key(path) => {
            let environment = scope::environment(file)?;
            let file = |name| environment.get(name).map(PathBuf::from);
            let identity = || file(IDENTITY);
            let password =
                file(KEY_PASSWORD).map(|path| SecretFile::key_password(path, identity()));
            file_pins::of_key("--from-key", path, password.as_ref())
                .map(|(pin, warning)| (vec![pin], warning))
        }
        Source::Request(path) => {
            file_pins::of_request("--from-csr", path).map(|pin| (vec![pin], None))
        }
        Source::Certificates(path) => {
            file_pins::of_certificates("--from-cert", path).map(|pins| (pins, None))
        }
    };
    read.map_err(|fault| SettingsError::new(vec![fault]))
}

/// One pin a line. A pin that stands alone stands bare, so that scripts can take it as it is.
fn print(pins: &[FilePin], printer: &mut Printer<'_>) -> io::Result<()> {
    let alone = pins.len() == 1;
    for found in pins {
        printer.put(Paint::Plain, &found.pin.to_string())?;
        if let Some(subject) = found.subject.as_deref().filter(|_| !alone) {
            printer.put(Paint::Plain, &format!("  {subject}"))?;
        }
        printer.end()?;
    }
    Ok(())
}
