//! Cuts the legacy string into options, as Qt and libpq cut it.

use crate::endpoint::Engine;

/// One `name=value` or bare flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opt {
    /// The name as it was written.
    pub(super) name: String,
    /// The value; `None` for a bare flag.
    pub(super) value: Option<String>,
}

/// Cuts the string at its semicolons. White space around names and values is dropped, and a value
/// may stand in single quotes, as in a libpq connection string. For `PostgreSQL`, where Qt turned
/// semicolons into spaces, white space separates options too.
pub(super) fn options(text: &str, engine: Option<Engine>) -> Vec<Opt> {
    let separates = |c: char| c == ';' || (engine == Some(Engine::Postgres) && c.is_whitespace());
    let mut options = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ';' || c.is_whitespace());
        if rest.is_empty() {
            return options;
        }
        let end = rest
            .find(|c| c == '=' || separates(c))
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        // libpq allows spaces around the equals sign.
        let Some(value) = after
            .trim_start_matches(char::is_whitespace)
            .strip_prefix('=')
        else {
            options.push(Opt {
                name: name.trim().to_owned(),
                value: None,
            });
            rest = after;
            continue;
        };
        let value = value.trim_start_matches([' ', '\t']);
        let (value, after) = if let Some(quoted) = value.strip_prefix('\'') {
            unquote(quoted)
        } else {
            let end = value.find(separates).unwrap_or(value.len());
            (value[..end].trim().to_owned(), &value[end..])
        };
        options.push(Opt {
            name: name.trim().to_owned(),
            value: Some(value),
        });
        rest = after;
    }
}

/// Reads up to the closing quote, and past it. A backslash takes the next character as it is. A
/// quote that is never closed ends with the text.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => break,
            '\\' => value.extend(chars.next()),
            _ => value.push(c),
        }
    }
    (value, chars.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str, engine: Engine) -> Vec<(String, Option<String>)> {
        options(text, Some(engine))
            .into_iter()
            .map(|opt| (opt.name, opt.value))
            .collect()
    }

    #[test]
    fn options_end_at_semicolons() {
        for engine in [Engine::MySql, Engine::Postgres] {
            for (text, expected) in [
                ("", &[][..]),
                (" ; ;; ", &[]),
                ("a=b", &[("a", Some("b"))]),
                ("a=b;", &[("a", Some("b"))]),
                (" a = b ; c ", &[("a", Some("b")), ("c", None)]),
                ("a=b=c;d=", &[("a", Some("b=c")), ("d", Some(""))]),
                ("=x", &[("", Some("x"))]),
                ("a='b c;d';e=f", &[("a", Some("b c;d")), ("e", Some("f"))]),
                ("a='it\\'s \\\\';b", &[("a", Some("it's \\")), ("b", None)]),
                ("a='open;b=c", &[("a", Some("open;b=c"))]),
            ] {
                let expected: Vec<_> = expected
                    .iter()
                    .map(|(n, v)| ((*n).to_owned(), v.map(str::to_owned)))
                    .collect();
                assert_eq!(cut(text, engine), expected, "{engine}: {text:?}");
            }
        }
    }

    #[test]
    fn white_space_separates_options_for_postgres_only() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            cut("sslmode=require sslcert=/a", Engine::Postgres),
            [
                ("sslmode".to_owned(), some("require")),
                ("sslcert".to_owned(), some("/a"))
            ]
        );
        assert_eq!(
            cut("SSL_CA=/a b/ca.pem", Engine::MySql),
            [("SSL_CA".to_owned(), some("/a b/ca.pem"))]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_cut_without_a_panic(text in "(?s).{0,80}") {
            let _ = options(&text, Some(Engine::Postgres));
            let _ = options(&text, Some(Engine::MySql));
            let _ = options(&text, None);
        }

        #[test]
        fn text_made_of_the_syntax_is_cut_without_a_panic(text in "[aé=;' \\\\]{0,40}") {
            let _ = options(&text, Some(Engine::Postgres));
            let _ = options(&text, Some(Engine::MySql));
        }

        #[test]
        fn written_options_are_read_back_as_they_were(
            pairs in prop::collection::vec(("[a-zA-Z_]{1,12}", "[!-~&&[^;']]{0,20}"), 0..6)
        ) {
            let text: Vec<_> = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect();
            let expected: Vec<_> =
                pairs.iter().map(|(n, v)| (n.clone(), Some(v.clone()))).collect();
            for engine in [Engine::MySql, Engine::Postgres] {
                prop_assert_eq!(&cut(&text.join(";"), engine), &expected);
            }
        }
    }
}
