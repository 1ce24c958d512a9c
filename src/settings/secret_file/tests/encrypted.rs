//! Secrets that age encrypted, and what opens them or does not.

use std::fs;
use std::io::Write as _;
use std::iter;

use age::armor::{ArmoredWriter, Format};
use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use age::{Encryptor, Recipient};
use wa_db_lab::age::Form;
use wa_db_lab::pki::{write_file, write_private};

use super::*;

/// What age makes of a secret for these recipients.
fn seal(form: Form, identities: &[&Identity], secret: &[u8]) -> Vec<u8> {
    let recipients: Vec<_> = identities.iter().map(|one| one.to_public()).collect();
    let recipients = recipients.iter().map(|one| one as &dyn Recipient);
    wrap(
        Encryptor::with_recipients(recipients).unwrap(),
        form,
        secret,
    )
}

fn wrap(encryptor: Encryptor, form: Form, secret: &[u8]) -> Vec<u8> {
    let format = match form {
        Form::Binary => Format::Binary,
        Form::Armored => Format::AsciiArmor,
    };
    let armor = ArmoredWriter::wrap_output(Vec::new(), format).unwrap();
    let mut writer = encryptor.wrap_output(armor).unwrap();
    writer.write_all(secret).unwrap();
    writer.finish().unwrap().finish().unwrap()
}

fn line(identity: &Identity) -> String {
    identity.to_string().expose_secret().to_owned()
}

/// An identity file as `age-keygen` writes it.
fn keygen(identity: &Identity) -> String {
    format!(
        "# created: 2026-11-22T03:00:00Z\n# public key: {}\n{}\n",
        identity.to_public(),
        line(identity)
    )
}

impl Files {
    fn identity(&self, content: impl AsRef<[u8]>) {
        write_private(&self.path("identity"), content);
    }
}

#[test]
fn both_forms_are_opened_by_any_of_several_identities() {
    let files = Files::new();
    let [one, two, three] = [(); 3].map(|()| Identity::generate());
    let all = format!(
        "{}\r\n\n  {}  \n#{}",
        keygen(&one),
        line(&two),
        line(&three)
    );
    files.identity(all);
    for form in [Form::Binary, Form::Armored] {
        for (identities, plain, expected) in [
            (&[&one][..], "x\n", "x"),
            (&[&two], SECRET, SECRET),
            (&[&three, &two], "x\r\n", "x"),
            (&[&one], "", ""),
            (&[&one], "zwei\nZeilen\n", "zwei\nZeilen"),
        ] {
            let sealed = seal(form, identities, plain.as_bytes());
            let secret = files.secret(&sealed, Some("identity")).read().unwrap();
            assert_eq!(secret.expose(), expected);
            // As an editor may leave it.
            if form == Form::Armored {
                let text = String::from_utf8(sealed).unwrap().replace('\n', "\r\n");
                let file = files.secret(format!("\u{feff}\r\n{text}"), Some("identity"));
                assert_eq!(file.read().unwrap().expose(), expected);
            }
        }
    }
}

#[test]
fn secret_and_identity_are_read_again_each_time() {
    let files = Files::new();
    let [old, new] = [(); 2].map(|()| Identity::generate());
    let file = files.secret("in the clear", Some("identity"));
    assert_eq!(file.read().unwrap().expose(), "in the clear");
    files.identity(keygen(&old));
    files.secret(seal(Form::Binary, &[&old], b"first"), None);
    assert_eq!(file.read().unwrap().expose(), "first");
    files.secret(seal(Form::Binary, &[&new], b"second"), None);
    assert_eq!(file.read().unwrap_err().code, ErrorCode::KeyMismatch);
    files.identity(keygen(&new));
    assert_eq!(file.read().unwrap().expose(), "second");
}

#[test]
fn identity_file_that_cannot_be_used_is_a_fault_of_its_variable_that_says_what_to_do() {
    let files = Files::new();
    let [right, wrong] = [(); 2].map(|()| Identity::generate());
    let file = files.secret(
        seal(Form::Binary, &[&right], SECRET.as_bytes()),
        Some("identity"),
    );
    let (right_line, unreadable) = (line(&right), ErrorCode::FileUnreadable);
    let damaged = right_line.replace("1Q", "1P");
    let damaged = if damaged == right_line {
        right_line.replace("-1", "-1Q")
    } else {
        damaged
    };
    let cut = &right_line[..right_line.len() - 1];
    let many: String = iter::repeat_with(|| keygen(&wrong)).take(17).collect();
    let sealed = seal(Form::Armored, &[&wrong], right_line.as_bytes());
    let sealed = String::from_utf8(sealed).unwrap();
    for (content, code, part) in [
        (keygen(&wrong), ErrorCode::KeyMismatch, "no identity in"),
        (String::new(), unreadable, "holds no identity"),
        (
            "# a comment\n\n".to_owned(),
            unreadable,
            "holds no identity",
        ),
        (damaged, unreadable, "line 1: the identity is damaged"),
        (
            format!("#\n{cut}"),
            unreadable,
            "line 2: the identity is damaged",
        ),
        (
            right.to_public().to_string(),
            unreadable,
            "line 1: a recipient",
        ),
        (
            format!("{}AGE-PLUGIN-YUBIKEY-1QQPQ", keygen(&right)),
            unreadable,
            "line 4: an identity of a kind",
        ),
        (
            "AGE-SECRET-KEY-PQ-1QQ".to_owned(),
            unreadable,
            "of a kind that is not supported",
        ),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(),
            unreadable,
            "line 1: no age identity",
        ),
        (SECRET.to_owned(), unreadable, "line 1: no age identity"),
        (sealed, unreadable, "is itself encrypted"),
        (many, unreadable, "more than 16 identities"),
        ("#".repeat(70_000), unreadable, "larger than 64 KiB"),
    ] {
        files.identity(&content);
        let fault = file.read().unwrap_err();
        assert_eq!(
            (fault.code, &*fault.variable),
            (code, "WA_DB_IDENTITY_FILE")
        );
        assert_is_helpful(&fault, part, &content);
    }
    let path = files.path("identity");
    write_file(&path, keygen(&right));
    let fault = file.read().unwrap_err();
    assert_eq!(fault.code, ErrorCode::KeyPermissions);
    assert_is_helpful(&fault, "can be read by others", &right_line);
    fs::remove_file(&path).unwrap();
    let fault = file.read().unwrap_err();
    assert_eq!(fault.code, ErrorCode::FileMissing);
    assert_is_helpful(&fault, "does not exist", &right_line);
    let unnamed = SecretFile::key_password(file.path().to_owned(), None);
    let fault = unnamed.read().unwrap_err();
    assert_eq!(fault.code, ErrorCode::VariableMissing);
    assert_is_helpful(
        &fault,
        "of WA_DB_SSL_KEY_PASSWORD_FILE is encrypted",
        &right_line,
    );
}

/// Names the variable and the file, says these words and what to do next, and shows nothing secret.
fn assert_is_helpful(fault: &Fault, part: &str, secrets: &str) {
    let message = &fault.message;
    assert!(message.starts_with(&fault.variable), "{message}");
    assert!(message.contains(part), "{message}");
    assert!(
        message.contains("/identity") || message.contains("/secret"),
        "{message}"
    );
    assert!(!fault.hint.is_empty());
    for secret in secrets.lines().filter(|line| line.len() > 9) {
        assert!(!format!("{fault:?}").contains(secret), "{fault:?}");
    }
    assert!(!format!("{fault:?}").contains(SECRET), "{fault:?}");
}

#[test]
fn passphrase_is_refused_before_any_work_is_done_for_it() {
    let files = Files::new();
    files.identity(keygen(&Identity::generate()));
    // The least work that age lets one ask for, so that the test itself need not do it.
    let mut recipient = age::scrypt::Recipient::new("c4n4ry-passphrase".to_owned().into());
    recipient.set_work_factor(1);
    let encryptor = Encryptor::with_recipients(iter::once(&recipient as _)).unwrap();
    let sealed = wrap(encryptor, Form::Binary, SECRET.as_bytes());
    let text = String::from_utf8_lossy(&sealed).into_owned();
    for identity in [Some("identity"), None] {
        let fault = files.secret(&sealed, identity).read().unwrap_err();
        assert_eq!(fault.code, ErrorCode::FileUnreadable);
        assert_is_helpful(&fault, "is encrypted with a passphrase", &text);
    }
}

#[test]
fn a_secret_that_was_cut_anywhere_or_altered_anywhere_is_never_taken_for_one() {
    let files = Files::new();
    let identity = Identity::generate();
    files.identity(keygen(&identity));
    let read = |content: &[u8]| files.secret(content, Some("identity")).read();
    for form in [Form::Binary, Form::Armored] {
        let sealed = seal(form, &[&identity], SECRET.as_bytes());
        assert_eq!(read(&sealed).unwrap().expose(), SECRET);
        // Before this nothing says what it is.
        let begin = if form == Form::Binary { 19 } else { 34 };
        // The last line may end with the file.
        let end = sealed.trim_ascii_end().len();
        for length in begin..end {
            let fault = read(&sealed[..length]).unwrap_err();
            assert_eq!(fault.code, ErrorCode::FileUnreadable, "cut to {length}");
            assert_is_helpful(&fault, "encrypt", "");
        }
        for at in begin..end {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            let fault = read(&altered).unwrap_err();
            // A recipient that was altered is that of somebody else.
            let expected = [ErrorCode::FileUnreadable, ErrorCode::KeyMismatch];
            assert!(expected.contains(&fault.code), "byte {at}: {fault:?}");
        }
    }
    let mut longer = seal(Form::Binary, &[&identity], SECRET.as_bytes());
    longer.push(0);
    assert_eq!(read(&longer).unwrap_err().code, ErrorCode::FileUnreadable);
    assert_eq!(
        read(b"age-encryption.org/v2\n-> X25519 x\n")
            .unwrap_err()
            .code,
        ErrorCode::FileUnreadable
    );
}
