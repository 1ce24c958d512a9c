//! `WA_DB_PORT`: one port for all hosts, or one for each.

use crate::settings::fault::{Fault, shown};
use crate::settings::variables::PORT;

/// One port, or a comma-separated list of them.
pub(in crate::settings) fn ports(text: &str) -> Result<Vec<u16>, Vec<Fault>> {
    if text.starts_with("tcp://") {
        return Err(vec![Fault::invalid(
            PORT,
            format!("{PORT} is a URL, not a port"),
            "kubernetes sets it so for a service called wa-db: rename the service, or set enableServiceLinks: false",
        )]);
    }
    let mut ports = Vec::new();
    let mut faults = Vec::new();
    let is_list = text.contains(',');
    for (index, item) in text.split(',').enumerate() {
        match number(item.trim()) {
            Some(port) => ports.push(port),
            None => faults.push(Fault::invalid(
                PORT,
                if is_list {
                    let place = index + 1;
                    format!("{PORT}: item {place} is {}, which is no port", shown(item))
                } else {
                    format!("{PORT} is {}, which is no port", shown(item))
                },
                "write numbers from 1 to 65535",
            )),
        }
    }
    if faults.is_empty() {
        Ok(ports)
    } else {
        Err(faults)
    }
}

/// A port from 1 to 65535, in digits alone.
pub(super) fn number(text: &str) -> Option<u16> {
    // `parse` alone would take a plus sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::ports;

    #[test]
    fn ports_are_numbers_from_1_to_65535() {
        assert_eq!(ports("3306").unwrap(), [3306]);
        assert_eq!(ports("1, 65535 ,5432").unwrap(), [1, 65535, 5432]);
        for text in [
            "",
            "0",
            "65536",
            "-1",
            "+80",
            "80,",
            ",",
            "http",
            "5432;5433",
            "99999999999",
        ] {
            assert!(ports(text).is_err(), "{text:?}");
        }
        assert_eq!(ports("0,1,x").unwrap_err().len(), 2);
        for (text, message) in [
            ("http", "WA_DB_PORT is \"http\", which is no port"),
            ("1,x", "WA_DB_PORT: item 2 is \"x\", which is no port"),
        ] {
            assert_eq!(ports(text).unwrap_err().remove(0).message, message);
        }
        let fault = ports("tcp://10.0.0.11:3306").unwrap_err().remove(0);
        assert!(fault.hint.contains("kubernetes"));
    }
}
