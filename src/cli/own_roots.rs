//! A check or a monitor that trusts only `WA_DB_SSL_CA` spares itself the system's certificate store:
//! [`leave_system_store_unread`].
//!
//! native-tls has the whole store read twice for each connector, also where only roots of our own are
//! trusted and it drops the store right afterwards: 34 ms with Debian's 140 certificates, three times as
//! long as the rest of a check takes. OpenSSL and native-tls look for the store where `SSL_CERT_FILE`
//! says, so a process that names an empty file there is spared that.

use std::env;
use std::fs;

use super::scope::Scope;
use crate::settings::{Role, Settings};

/// Where OpenSSL and native-tls look for the system's store: a file, which they read whole, and a directory.
const STORE: &str = "SSL_CERT_FILE";
const STORE_DIRECTORY: &str = "SSL_CERT_DIR";
/// Neither holds certificates.
const EMPTY: &str = "/dev/null";

/// Points this process at an empty store, if no role in `scope` trusts the system's. To be called before
/// there is a runtime.
///
/// Leaves everything as it is where that is not so, or where it cannot be done soundly: then all works as
/// well, only slower.
pub(super) fn leave_system_store_unread(scope: &Scope) {
    if scope
        .roles
        .iter()
        .all(|role| trusts_own_roots(scope, *role))
    {
        // False is no fault: the store is read, and not trusted.
        let _ = set_environment(&[(STORE, EMPTY), (STORE_DIRECTORY, EMPTY)]);
    }
}

/// Whether `role` has a CA of its own. Faults are left to the command, which tells them.
fn trusts_own_roots(scope: &Scope, role: Role) -> bool {
    Settings::from_environment(role, &scope.environment).is_ok_and(|settings| {
        let tls = settings.tls();
        // Whoever takes the reports is verified by the system's store.
        tls.ca.is_some() && tls.reports.uri.is_none()
    })
}

/// Changes the environment of this process while it has a single thread, and tells whether it did.
#[expect(
    unsafe_code,
    reason = "the store can be named in the environment alone, which std lets nobody change safely"
)]
fn set_environment(variables: &[(&str, &str)]) -> bool {
    if !has_one_thread() {
        return false;
    }
    for (name, value) in variables {
        // SAFETY: `set_var` wants no other thread to read or write the environment meanwhile. There is
        // no other thread: this one was found to be the only one, and it starts none in between.
        unsafe { env::set_var(name, value) };
    }
    true
}

/// Whether the calling thread is the only one, by the system's word. Unknown counts as no.
fn has_one_thread() -> bool {
    fs::read_dir("/proc/self/task")
        .is_ok_and(|mut threads| matches!((threads.next(), threads.next()), (Some(Ok(_)), None)))
}

#[cfg(test)]
mod tests {
    use super::{has_one_thread, set_environment};

    /// A test runs on a thread of its own, beside the one that started it.
    #[test]
    fn the_environment_stays_as_it_is_beside_other_threads() {
        assert!(!has_one_thread());
        assert!(!set_environment(&[("WA_DB_NEVER_SET", "1")]));
        assert!(std::env::var_os("WA_DB_NEVER_SET").is_none());
    }
}
