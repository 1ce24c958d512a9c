//! What the browser gets: [`render`] and its style.

use std::fmt::Write as _;

/// One row of the table `messages`.
pub(crate) struct Message {
    pub(crate) body: String,
    /// UTC.
    pub(crate) written_at: String,
    pub(crate) delivered: bool,
}

/// The page: a form for a message of at most `limit` characters, and these messages.
pub(crate) fn render(messages: &[Message], limit: usize) -> String {
    let mut rows = String::new();
    for message in messages {
        let state = if message.delivered {
            "delivered"
        } else {
            "waiting"
        };
        // Writing to a String does not fail.
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td class=\"{state}\">{state}</td><td>{}</td></tr>",
            escape(&message.written_at),
            escape(&message.body)
        );
    }
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Messages</title>
<link rel="stylesheet" href="/style.css">
<h1>Messages</h1>
<form method="post" action="/">
<label>New message <input name="body" maxlength="{limit}" required autofocus></label>
<button>Send</button>
</form>
<table>
<thead><tr><th>Written (UTC)</th><th>State</th><th>Message</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
</html>
"#
    )
}

/// Text as HTML, in elements and attributes alike.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// Its style sheet.
pub(crate) const STYLE: &str = "body { font-family: sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
input { width: 60% }
table { border-collapse: collapse; width: 100%; margin-top: 1rem }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ccc; overflow-wrap: anywhere }
.waiting { color: #a50 }
.delivered { color: #060 }
";
