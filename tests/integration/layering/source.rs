//! The source of the crate, as files of modules.

use std::fs;
use std::path::Path;

/// One file of `src/`.
pub(super) struct File {
    /// From `src/` on.
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    /// The top-level module it belongs to.
    pub(super) fn module(&self) -> String {
        let first = self.path.split('/').next().unwrap_or_default();
        first.trim_end_matches(".rs").to_owned()
    }

    /// How deep its module is below the root of the crate.
    pub(super) fn depth(&self) -> usize {
        if matches!(&*self.path, "lib.rs" | "main.rs") {
            return 0;
        }
        let parts = self.path.split('/').count();
        if self.path.ends_with("/mod.rs") {
            parts - 1
        } else {
            parts
        }
    }

    /// Whether all of it is compiled for tests only.
    pub(super) fn is_test(&self) -> bool {
        let parts = self.path.split('/');
        parts
            .into_iter()
            .any(|part| matches!(part, "tests" | "tests.rs" | "fixtures.rs"))
    }
}

/// Every file of `src/`.
pub(super) fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    assert!(found.len() > 50, "only {} files found", found.len());
    found
}

fn walk(root: &Path, directory: &Path, found: &mut Vec<File>) {
    for entry in fs::read_dir(directory).expect("src is a directory") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() {
            walk(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(root).expect("it lies in src");
            found.push(File {
                path: relative.display().to_string(),
                text: fs::read_to_string(&path).expect("source is UTF-8"),
            });
        }
    }
}

/// A line without its comment. A `//` in a string goes too, which costs nothing here.
pub(super) fn code(line: &str) -> &str {
    line.find("//").map_or(line, |comment| &line[..comment])
}

/// A source up to its tests, which stand last.
pub(super) fn without_tests(source: &str) -> &str {
    source
        .find("#[cfg(test)]\nmod tests {")
        .map_or(source, |tests| &source[..tests])
}
