//! Statements that a MySQL or MariaDB server prints of its accounts, cut into words.

/// One word of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Letters, digits and underscores, as they stand.
    Plain(String),
    /// A name or text, without its quotes.
    Quoted(String),
    /// Anything else but white space.
    Sign(char),
}

impl Word {
    /// Whether it is this word of the language, in any case.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Plain(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// The name it stands for, quoted or not.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Plain(name) | Self::Quoted(name) => Some(name),
            Self::Sign(_) => None,
        }
    }
}

/// The words of a statement. A quote that is not closed goes to the end.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        match first {
            _ if first.is_whitespace() => {}
            '`' | '\'' | '"' => words.push(Word::Quoted(quoted(first, &mut rest))),
            _ if is_plain(first) => {
                let mut word = String::from(first);
                while let Some(next) = rest.next_if(|next| is_plain(*next)) {
                    word.push(next);
                }
                words.push(Word::Plain(word));
            }
            sign => words.push(Word::Sign(sign)),
        }
    }
    words
}

fn is_plain(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

/// The text up to the closing quote; a doubled quote stands for itself, and a backslash in a text for
/// the character after it.
fn quoted(quote: char, rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut text = String::new();
    while let Some(next) = rest.next() {
        if next == quote {
            if rest.next_if_eq(&quote).is_none() {
                break;
            }
            text.push(quote);
        } else if next == '\\' && quote != '`' {
            text.extend(rest.next());
        } else {
            text.push(next);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Word, words};

    #[test]
    fn statement_is_cut_where_the_server_would_cut_it() {
        let plain = |word: &str| Word::Plain(word.to_owned());
        let quoted = |word: &str| Word::Quoted(word.to_owned());
        for (text, expected) in [
            ("", vec![]),
            (
                "GRANT  a_1,b",
                vec![plain("GRANT"), plain("a_1"), Word::Sign(','), plain("b")],
            ),
            (
                "`a``b`@'%'",
                vec![quoted("a`b"), Word::Sign('@'), quoted("%")],
            ),
            (
                "'it''s' 'a\\'b' `c\\`",
                vec![quoted("it's"), quoted("a'b"), quoted("c\\")],
            ),
            ("\"ON\" '", vec![quoted("ON"), quoted("")]),
            (
                "*.*",
                vec![Word::Sign('*'), Word::Sign('.'), Word::Sign('*')],
            ),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }
}
