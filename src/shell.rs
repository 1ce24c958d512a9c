//! Words put into the commands that findings and hints propose, quoted so that they stay one word: [`word`].

/// A word for a POSIX shell: `/etc/ca.pem`, `'/srv/my files/ca.pem'`.
pub(crate) fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:@=-".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn word_stays_one_word_whatever_it_holds() {
        for (text, quoted) in [
            ("/etc/ca.pem", "/etc/ca.pem"),
            ("app@db-1:5432", "app@db-1:5432"),
            ("", "''"),
            ("/my files/ca", "'/my files/ca'"),
            ("*.example", "'*.example'"),
            ("$(reboot)", "'$(reboot)'"),
            ("o'neil; reboot", r"'o'\''neil; reboot'"),
            ("schl\u{fc}ssel", "'schl\u{fc}ssel'"),
        ] {
            assert_eq!(word(text), quoted);
        }
    }
}
