//! Which module imports which, and who may.

use super::source::code;

/// The layers from left to right; modules of one layer stand in one line.
const LAYERS: [&[&str]; 12] = [
    &["secret", "endpoint", "code", "failure", "shell"],
    &["settings"],
    &["tls"],
    &["wire"],
    &["connect"],
    &["pool"],
    &["serve"],
    &["check", "audit", "tunnel", "certs"],
    &["monitor"],
    &["cli"],
    // The root only says which modules there are.
    &["lib"],
    &["main"],
];

/// How far right a module stands.
pub(super) fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Whether `from` may not import `to`. What has no place may not be imported at all.
pub(super) fn is_wrong(from: &str, to: &str) -> bool {
    let (Some(left), Some(right)) = (rank(to), rank(from)) else {
        return true;
    };
    let together = left == 0 && right == 0;
    from != to && !together && left >= right
}

/// The modules that a source imports by `crate::`, each with its line.
pub(super) fn arrows(source: &str) -> Vec<(usize, String)> {
    let text: Vec<&str> = source.lines().map(code).collect();
    let text = text.join("\n");
    let mut found = Vec::new();
    for (start, _) in text.match_indices("crate::") {
        let before = text[..start].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let line = text[..start].matches('\n').count() + 1;
        let rest = text[start + "crate::".len()..].trim_start();
        for name in names(rest) {
            found.push((line, name));
        }
    }
    found
}

/// The first segments of a path or of a group of paths.
fn names(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else {
        return vec![first_word(rest)];
    };
    let mut depth = 0;
    let mut paths = vec![String::new()];
    for character in group.chars() {
        match character {
            '}' if depth == 0 => break,
            ',' if depth == 0 => paths.push(String::new()),
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if let Some(path) = paths.last_mut() {
            path.push(character);
        }
    }
    let words = paths
        .iter()
        .map(|path| first_word(path.trim_start_matches([',', ' ', '\n'])));
    words.filter(|word| !word.is_empty()).collect()
}

fn first_word(path: &str) -> String {
    path.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The lines on which `super::` climbs to the root of the crate, from where any module could be
/// imported unseen. `depth` is that of the file's module; a module within the file is one deeper.
pub(super) fn climbs_out(depth: usize, source: &str) -> Vec<usize> {
    let mut inner = 0;
    let mut found = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let words = code(line);
        if words.starts_with("mod ") && words.trim_end().ends_with('{') {
            inner = 1;
        } else if words.starts_with('}') {
            inner = 0;
        }
        let climb = longest_climb(words);
        if climb > 0 && climb >= depth + inner {
            found.push(index + 1);
        }
    }
    found
}

/// The longest chain of `super::` on a line.
fn longest_climb(line: &str) -> usize {
    let mut longest = 0;
    let mut rest = line;
    while let Some(start) = rest.find("super::") {
        rest = &rest[start..];
        let mut climb = 0;
        while let Some(after) = rest.strip_prefix("super::") {
            climb += 1;
            rest = after;
        }
        longest = longest.max(climb);
    }
    longest
}
